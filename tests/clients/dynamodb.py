"""boto3 on two embedded regions: REGION URL REGION URL. Prints how many checks passed."""

import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

RETRIES_OFF = Config(retries={"total_max_attempts": 1})


def client(region, url):
    return boto3.client("dynamodb", region_name=region, endpoint_url=url, config=RETRIES_OFF)


def item(**attributes):
    return {name: {"S": value} for name, value in attributes.items()}


def refused(call, **arguments):
    """The error that a call is refused with."""
    try:
        call(**arguments)
    except ClientError as error:
        return error.response
    raise AssertionError(f"{call.__name__} was not refused")


def until(check, what):
    deadline = time.monotonic() + 60
    while not check():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def owner(db, key):
    found = db.get_item(TableName="seats", Key=item(key=key), ConsistentRead=True)
    return found.get("Item", {}).get("owner", {}).get("S")


def a_table_is_replicated(east, west):
    east.create_table(
        TableName="seats",
        KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    east.get_waiter("table_exists").wait(TableName="seats")
    east.update_table(
        TableName="seats", ReplicaUpdates=[{"Create": {"RegionName": west.meta.region_name}}]
    )
    west.get_waiter("table_exists").wait(TableName="seats")
    replicas = west.describe_table(TableName="seats")["Table"]["Replicas"]
    assert {r["ReplicaStatus"] for r in replicas} == {"ACTIVE"}, replicas


def writes_travel_both_ways(east, west):
    for here, there, key in [(east, west, "A1"), (west, east, "A2")]:
        here.put_item(TableName="seats", Item=item(key=key, owner="b1"))
        assert owner(here, key) == "b1"
        until(lambda: owner(there, key) == "b1", f"{key} did not arrive")


def the_last_writer_wins_everywhere(east, west):
    for db, name in [(east, "e"), (west, "w"), (east, "e2"), (west, "w2")]:
        db.put_item(TableName="seats", Item=item(key="A3", owner=name))
    until(lambda: owner(east, "A3") == owner(west, "A3") == "w2", "they do not agree")


def conditions_are_local(east, west):
    free = {"TableName": "seats", "ConditionExpression": "attribute_not_exists(#k)",
            "ExpressionAttributeNames": {"#k": "key"}}
    east.put_item(Item=item(key="A4", owner="e"), **free)
    west.put_item(Item=item(key="A4", owner="w"), **free)
    error = refused(east.put_item, Item=item(key="A4", owner="f"), **free)
    assert error["Error"]["Code"] == "ConditionalCheckFailedException", error


def transactions_are_canceled_with_reasons(east, west):
    put = lambda key: {"Put": {"TableName": "seats", "Item": item(key=key, owner="t"),
                               "ConditionExpression": "attribute_not_exists(#k)",
                               "ExpressionAttributeNames": {"#k": "key"}}}
    error = refused(east.transact_write_items, TransactItems=[put("A5"), put("A1")])
    assert error["Error"]["Code"] == "TransactionCanceledException", error
    codes = [reason["Code"] for reason in error["CancellationReasons"]]
    assert codes == ["None", "ConditionalCheckFailed"], codes
    assert owner(east, "A5") is None
    east.transact_write_items(TransactItems=[put("A5"), put("A6")])
    until(lambda: owner(west, "A5") == owner(west, "A6") == "t", "they did not arrive")


def a_token_is_of_one_transaction(east, west):
    put = lambda name: [{"Put": {"TableName": "seats", "Item": item(key="A7", owner=name)}}]
    send = east.transact_write_items
    send(TransactItems=put("first"), ClientRequestToken="one")
    east.put_item(TableName="seats", Item=item(key="A7", owner="second"))
    send(TransactItems=put("first"), ClientRequestToken="one")
    assert owner(east, "A7") == "second", "done twice"
    error = refused(send, TransactItems=put("other"), ClientRequestToken="one")
    assert error["Error"]["Code"] == "IdempotentParameterMismatchException", error


def scans_and_queries_agree(east, west):
    pages = east.get_paginator("scan").paginate(TableName="seats", PaginationConfig={"PageSize": 2})
    keys = sorted(i["key"]["S"] for page in pages for i in page["Items"])
    assert keys == [f"A{n}" for n in range(1, 8)], keys
    found = east.query(TableName="seats", KeyConditionExpression="#k = :k",
                       ExpressionAttributeNames={"#k": "key"},
                       ExpressionAttributeValues={":k": {"S": "A1"}})
    assert found["Count"] == 1, found


CHECKS = [
    a_table_is_replicated,
    writes_travel_both_ways,
    the_last_writer_wins_everywhere,
    conditions_are_local,
    transactions_are_canceled_with_reasons,
    a_token_is_of_one_transaction,
    scans_and_queries_agree,
]

if __name__ == "__main__":
    regions = list(zip(sys.argv[1::2], sys.argv[2::2]))
    clients = [client(region, url) for region, url in regions]
    for check in CHECKS:
        check(*clients)
    print(f"{len(CHECKS)} passed")
