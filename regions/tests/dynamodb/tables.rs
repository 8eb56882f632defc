//! Creating, describing, replicating and deleting tables.

use aws_sdk_dynamodb::types::{
    CreateGlobalTableWitnessGroupMemberAction, DeleteGlobalTableWitnessGroupMemberAction,
    DeleteReplicationGroupMemberAction, GlobalTableWitnessGroupUpdate, MultiRegionConsistency,
    ReplicaStatus, ReplicationGroupUpdate, TableDescription, TableStatus,
};
use witness_regions::dynamodb::{Consistency, GlobalTables, Options, StartError};

use crate::support::*;

async fn describe(client: &aws_sdk_dynamodb::Client, table: &str) -> TableDescription {
    let answer = client.describe_table().table_name(table).send().await;
    answer.unwrap().table.unwrap()
}

fn removal(region: &str) -> ReplicationGroupUpdate {
    let delete = DeleteReplicationGroupMemberAction::builder()
        .region_name(region)
        .build()
        .unwrap();
    ReplicationGroupUpdate::builder().delete(delete).build()
}

fn witness(region: &str) -> GlobalTableWitnessGroupUpdate {
    let create = CreateGlobalTableWitnessGroupMemberAction::builder()
        .region_name(region)
        .build()
        .unwrap();
    GlobalTableWitnessGroupUpdate::builder()
        .create(create)
        .build()
}

#[tokio::test]
async fn a_global_table_from_creation_to_deletion() {
    let f = start(quick()).await;
    create(&f.east, "seats", &["id"]).await;
    f.put(&f.east, "seats", item([("id", s("A1"))])).await;
    let absent = f.west.describe_table().table_name("seats").send().await;
    assert_eq!(code(absent.unwrap_err()), "ResourceNotFoundException");

    let update = f.east.update_table().table_name("seats");
    let updated = update.replica_updates(replica("us-east-2")).send().await;
    let updated = updated.unwrap().table_description.unwrap();
    assert_eq!(updated.table_status, Some(TableStatus::Updating));
    assert_eq!(
        updated.replicas()[0].replica_status,
        Some(ReplicaStatus::Creating)
    );

    let described = describe(&f.west, "seats").await;
    assert_eq!(described.table_status, Some(TableStatus::Active));
    assert_eq!(described.global_table_version.unwrap(), "2019.11.21");
    assert_eq!(
        described.multi_region_consistency,
        Some(MultiRegionConsistency::Eventual)
    );
    let arn = described.table_arn.unwrap();
    assert_eq!(arn, "arn:aws:dynamodb:us-east-2:000000000000:table/seats");
    let replicas = described.replicas.unwrap();
    assert_eq!(replicas.len(), 1);
    assert_eq!(replicas[0].region_name.as_deref(), Some("us-east-1"));
    assert_eq!(replicas[0].replica_status, Some(ReplicaStatus::Active));
    // What was there before came along, and the ARN names the table too.
    assert!(get(&f.west, &arn, "A1").await.is_some());

    let update = f.east.update_table().table_name("seats");
    update
        .replica_updates(removal("us-east-2"))
        .send()
        .await
        .unwrap();
    assert!(
        f.west
            .list_tables()
            .send()
            .await
            .unwrap()
            .table_names()
            .is_empty()
    );
    assert!(describe(&f.east, "seats").await.replicas().is_empty());
    f.east
        .delete_table()
        .table_name("seats")
        .send()
        .await
        .unwrap();
    let gone = f.east.delete_table().table_name("seats").send().await;
    assert_eq!(code(gone.unwrap_err()), "ResourceNotFoundException");
}

#[tokio::test]
async fn deleting_a_table_in_one_region_leaves_the_other_replica() {
    let f = start(quick()).await;
    f.global("seats", &["id"]).await;
    f.put(&f.east, "seats", item([("id", s("A1"))])).await;
    f.tables.quiesced().await;
    f.east
        .delete_table()
        .table_name("seats")
        .send()
        .await
        .unwrap();
    assert!(describe(&f.west, "seats").await.replicas().is_empty());
    assert!(get(&f.west, "seats", "A1").await.is_some());
    // A new table of the name is another table: the two do not replicate.
    create(&f.east, "seats", &["id"]).await;
    f.put(&f.east, "seats", item([("id", s("B1"))])).await;
    f.tables.quiesced().await;
    assert!(get(&f.west, "seats", "B1").await.is_none());
    let update = f.east.update_table().table_name("seats");
    let refused = update.replica_updates(replica("us-east-2")).send().await;
    assert_eq!(code(refused.unwrap_err()), "ValidationException");
}

#[tokio::test]
async fn tables_are_listed_in_pages() {
    let f = start(quick()).await;
    for table in ["aaa", "bbb", "ccc"] {
        create(&f.east, table, &["id"]).await;
    }
    let page = f.east.list_tables().limit(2).send().await.unwrap();
    assert_eq!(page.table_names(), ["aaa", "bbb"]);
    let last = page.last_evaluated_table_name.unwrap();
    let rest = f.east.list_tables().exclusive_start_table_name(last);
    assert_eq!(rest.send().await.unwrap().table_names(), ["ccc"]);
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let f = start(quick()).await;
    create(&f.east, "seats", &["id"]).await;
    let again = f
        .east
        .create_table()
        .table_name("seats")
        .key_schema(
            aws_sdk_dynamodb::types::KeySchemaElement::builder()
                .attribute_name("id")
                .key_type(aws_sdk_dynamodb::types::KeyType::Hash)
                .build()
                .unwrap(),
        )
        .attribute_definitions(
            aws_sdk_dynamodb::types::AttributeDefinition::builder()
                .attribute_name("id")
                .attribute_type(aws_sdk_dynamodb::types::ScalarAttributeType::S)
                .build()
                .unwrap(),
        )
        .billing_mode(aws_sdk_dynamodb::types::BillingMode::PayPerRequest);
    let in_use = again.send().await.unwrap_err();
    assert_eq!(
        refusal(in_use),
        (
            400,
            "ResourceInUseException".to_owned(),
            "Table already exists: seats".to_owned()
        )
    );
    for updates in [
        vec![replica("mars-1")],
        vec![replica("us-east-1")],
        vec![replica("us-east-2"), replica("us-east-2")],
        vec![removal("us-east-2")],
        vec![],
    ] {
        let update = f.east.update_table().table_name("seats");
        let update = update.set_replica_updates(Some(updates));
        assert_eq!(
            code(update.send().await.unwrap_err()),
            "ValidationException"
        );
    }
    let update = f.east.update_table().table_name("nothing");
    let update = update.replica_updates(replica("us-east-2"));
    assert_eq!(
        code(update.send().await.unwrap_err()),
        "ResourceNotFoundException"
    );
}

#[tokio::test]
async fn strong_consistency_takes_three_regions_and_an_empty_table() {
    let f = start(quick()).await;
    create(&f.east, "seats", &["id"]).await;
    let strong = || {
        let update = f.east.update_table().table_name("seats");
        update
            .multi_region_consistency(MultiRegionConsistency::Strong)
            .replica_updates(replica("us-east-2"))
    };
    let two = strong().send().await.unwrap_err();
    assert_eq!(code(two), "ValidationException");
    let same = strong().global_table_witness_updates(witness("us-east-2"));
    assert_eq!(code(same.send().await.unwrap_err()), "ValidationException");
    f.put(&f.east, "seats", item([("id", s("A1"))])).await;
    let full = strong().global_table_witness_updates(witness("us-west-2"));
    assert!(
        refusal(full.send().await.unwrap_err())
            .2
            .contains("must be empty")
    );
    let delete = f.east.delete_item().table_name("seats").key("id", s("A1"));
    delete.send().await.unwrap();
    let right = strong().global_table_witness_updates(witness("us-west-2"));
    right.send().await.unwrap();

    for client in [&f.east, &f.west] {
        let table = describe(client, "seats").await;
        assert_eq!(
            table.multi_region_consistency,
            Some(MultiRegionConsistency::Strong)
        );
        let witnesses = table.global_table_witnesses.unwrap();
        assert_eq!(witnesses[0].region_name.as_deref(), Some("us-west-2"));
    }
    // The mode is for ever, and so are the three regions.
    let update = f.east.update_table().table_name("seats");
    let eventual = update
        .multi_region_consistency(MultiRegionConsistency::Eventual)
        .replica_updates(replica("us-east-2"));
    assert_eq!(
        code(eventual.send().await.unwrap_err()),
        "ValidationException"
    );
    let delete = f.east.delete_table().table_name("seats").send().await;
    assert_eq!(code(delete.unwrap_err()), "ValidationException");
}

#[tokio::test]
async fn a_strong_table_that_is_taken_apart_keeps_its_items() {
    let f = start(strong()).await;
    f.global("seats", &["id"]).await;
    f.put(&f.west, "seats", item([("id", s("A1"))])).await;
    let gone = DeleteGlobalTableWitnessGroupMemberAction::builder()
        .region_name("us-west-2")
        .build()
        .unwrap();
    f.east
        .update_table()
        .table_name("seats")
        .replica_updates(removal("us-east-2"))
        .global_table_witness_updates(
            GlobalTableWitnessGroupUpdate::builder()
                .delete(gone)
                .build(),
        )
        .send()
        .await
        .unwrap();
    assert!(get(&f.east, "seats", "A1").await.is_some());
    assert!(
        f.west
            .list_tables()
            .send()
            .await
            .unwrap()
            .table_names()
            .is_empty()
    );
    f.east
        .delete_table()
        .table_name("seats")
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn three_replicas_need_no_witness() {
    let regions = ["us-east-1", "us-east-2", "us-west-2"].map(str::to_owned);
    let options = Options {
        regions: regions.to_vec(),
        consistency: Consistency::Mrsc,
        ..quick()
    };
    let f = start(options).await;
    create(&f.east, "seats", &["id"]).await;
    let update = f.east.update_table().table_name("seats");
    let update = update.replica_updates(replica("us-east-2"));
    let update = update.replica_updates(replica("us-west-2"));
    update.send().await.unwrap();
    f.put(&f.west, "seats", item([("id", s("A1"))])).await;
    let third = client(&f.tables.endpoints()[2], f.tables.credentials());
    assert!(get(&third, "seats", "A1").await.is_some());
    assert!(
        describe(&third, "seats")
            .await
            .global_table_witnesses()
            .is_empty()
    );
}

#[tokio::test]
async fn impossible_options_are_refused_and_a_taken_port_is_named() {
    let none = Options {
        regions: vec![],
        ..quick()
    };
    assert!(matches!(
        GlobalTables::start(none).await,
        Err(StartError::NoRegions)
    ));
    let twice = Options {
        regions: vec!["us-east-1".to_owned(); 2],
        ..quick()
    };
    assert!(matches!(
        GlobalTables::start(twice).await,
        Err(StartError::RepeatedRegion(_))
    ));
    let f = start(quick()).await;
    let taken = f.tables.endpoints()[0].address.port();
    let one = Options {
        ports: vec![taken],
        ..quick()
    };
    assert!(matches!(
        GlobalTables::start(one).await,
        Err(StartError::Ports { .. })
    ));
    let same = Options {
        ports: vec![taken, 0],
        ..quick()
    };
    let Err(error) = GlobalTables::start(same).await else {
        panic!("two listeners on one port");
    };
    assert!(error.to_string().contains(&taken.to_string()));
    // After a shutdown the port is free again.
    f.tables.shutdown().await;
    let again = Options {
        ports: vec![taken, 0],
        ..quick()
    };
    GlobalTables::start(again).await.unwrap();
}
