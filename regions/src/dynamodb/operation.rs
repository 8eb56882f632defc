//! The operations that the stand-in serves, by their wire names.

/// One operation of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    CreateTable,
    DescribeTable,
    UpdateTable,
    DeleteTable,
    ListTables,
    PutItem,
    GetItem,
    UpdateItem,
    DeleteItem,
    Query,
    Scan,
    BatchGetItem,
    BatchWriteItem,
    TransactGetItems,
    TransactWriteItems,
    TagResource,
    UntagResource,
    ListTagsOfResource,
}

/// What an operation may touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Tables, not items.
    Control,
    /// Items, without changing them.
    Read,
    /// Items.
    Write,
}

impl Operation {
    const ALL: [Self; 18] = [
        Self::CreateTable,
        Self::DescribeTable,
        Self::UpdateTable,
        Self::DeleteTable,
        Self::ListTables,
        Self::PutItem,
        Self::GetItem,
        Self::UpdateItem,
        Self::DeleteItem,
        Self::Query,
        Self::Scan,
        Self::BatchGetItem,
        Self::BatchWriteItem,
        Self::TransactGetItems,
        Self::TransactWriteItems,
        Self::TagResource,
        Self::UntagResource,
        Self::ListTagsOfResource,
    ];

    /// The operation that an `X-Amz-Target` header names.
    pub(super) fn from_target(target: &str) -> Option<Self> {
        let name = target.strip_prefix("DynamoDB_20120810.")?;
        Self::ALL
            .into_iter()
            .find(|operation| operation.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::CreateTable => "CreateTable",
            Self::DescribeTable => "DescribeTable",
            Self::UpdateTable => "UpdateTable",
            Self::DeleteTable => "DeleteTable",
            Self::ListTables => "ListTables",
            Self::PutItem => "PutItem",
            Self::GetItem => "GetItem",
            Self::UpdateItem => "UpdateItem",
            Self::DeleteItem => "DeleteItem",
            Self::Query => "Query",
            Self::Scan => "Scan",
            Self::BatchGetItem => "BatchGetItem",
            Self::BatchWriteItem => "BatchWriteItem",
            Self::TransactGetItems => "TransactGetItems",
            Self::TransactWriteItems => "TransactWriteItems",
            Self::TagResource => "TagResource",
            Self::UntagResource => "UntagResource",
            Self::ListTagsOfResource => "ListTagsOfResource",
        }
    }

    pub(super) fn effect(self) -> Effect {
        match self {
            Self::CreateTable
            | Self::DescribeTable
            | Self::UpdateTable
            | Self::DeleteTable
            | Self::ListTables
            | Self::TagResource
            | Self::UntagResource
            | Self::ListTagsOfResource => Effect::Control,
            Self::GetItem
            | Self::Query
            | Self::Scan
            | Self::BatchGetItem
            | Self::TransactGetItems => Effect::Read,
            Self::PutItem
            | Self::UpdateItem
            | Self::DeleteItem
            | Self::BatchWriteItem
            | Self::TransactWriteItems => Effect::Write,
        }
    }

    pub(super) fn is_batch(self) -> bool {
        matches!(self, Self::BatchGetItem | Self::BatchWriteItem)
    }

    pub(super) fn is_transaction(self) -> bool {
        matches!(self, Self::TransactGetItems | Self::TransactWriteItems)
    }
}
