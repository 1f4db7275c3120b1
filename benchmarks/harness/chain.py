"""A hash chain that a trigger adds to a table of PostgreSQL: what one writes who wants changes of rows to be seen.

Each row of ``chain`` holds SHA-256 over the hash before it and its usage row as PostgreSQL prints it, which quotes what
could be mistaken. ``chain_head`` is one row that every writer locks until its commit: two that read the same last hash
would fork the chain. Rows that ON CONFLICT leaves out are not in the chain, for an AFTER trigger does not see them.

Two ways to write it:

    row         AFTER INSERT FOR EACH ROW: the head is updated once for each row; the usual one
    statement   AFTER INSERT FOR EACH STATEMENT over its transition table: the head is updated once for each batch

Both make the same chain. The statement's loop collects its hashes in an array and inserts them with one command, which
was twice as fast here as an INSERT for each row in the loop, or as an aggregate over a window.
"""

from hashlib import sha256
from typing import Any, Final

import psycopg

_TABLES: Final = """
CREATE TABLE chain (position bigint PRIMARY KEY, event_id uuid NOT NULL, hash bytea NOT NULL);
CREATE TABLE chain_head (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    position bigint NOT NULL,
    hash bytea NOT NULL
);
INSERT INTO chain_head (position, hash) VALUES (0, '');
"""
_ROW: Final = """
CREATE FUNCTION extend_chain() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    head chain_head;
BEGIN
    UPDATE chain_head
        SET position = position + 1, hash = sha256(hash || convert_to(NEW::text, 'UTF8'))
        RETURNING * INTO head;
    INSERT INTO chain VALUES (head.position, NEW.event_id, head.hash);
    RETURN NULL;
END $$;
CREATE TRIGGER extend_chain AFTER INSERT ON usage
    FOR EACH ROW EXECUTE FUNCTION extend_chain();
"""
_STATEMENT: Final = """
CREATE FUNCTION extend_chain() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    head chain_head;
    ids uuid[];
    texts text[];
    hashes bytea[] := '{}';
    told text;
BEGIN
    SELECT * INTO head FROM chain_head FOR UPDATE;
    SELECT array_agg(event_id), array_agg(fresh::text) INTO ids, texts FROM fresh;
    IF ids IS NULL THEN
        RETURN NULL;
    END IF;
    FOREACH told IN ARRAY texts LOOP
        head.hash := sha256(head.hash || convert_to(told, 'UTF8'));
        hashes := array_append(hashes, head.hash);
    END LOOP;
    INSERT INTO chain
        SELECT head.position + at, id, hash
        FROM unnest(ids, hashes) WITH ORDINALITY AS made (id, hash, at);
    UPDATE chain_head SET position = head.position + cardinality(ids), hash = head.hash;
    RETURN NULL;
END $$;
CREATE TRIGGER extend_chain AFTER INSERT ON usage REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION extend_chain();
"""
TRIGGERS: Final = {"row": _TABLES + _ROW, "statement": _TABLES + _STATEMENT}
DROP: Final = """
DROP TABLE IF EXISTS chain, chain_head;
DROP FUNCTION IF EXISTS extend_chain CASCADE;
"""


class ChainBroken(Exception):
    """The chain is not that of the rows; the message says where."""


def verify_chain(connection: psycopg.Connection[Any]) -> int:
    """Make the chain again from the rows, here and not in the database.

    Returns:
        How many rows it holds.

    Raises:
        ChainBroken: a row was changed, removed, put elsewhere or added beside the trigger.
    """
    last, count = b"", 0
    links = connection.execute(
        "SELECT position, chain.hash, usage::text FROM chain LEFT JOIN usage USING (event_id)"
        " ORDER BY position"
    )
    for position, stored, told in links:
        count += 1
        if told is None or position != count:
            raise ChainBroken(f"no row at position {count} of the chain")
        last = sha256(last + told.encode()).digest()
        if last != stored:
            raise ChainBroken(f"the row at position {position} is not the one that was chained")
    if connection.execute("SELECT position, hash FROM chain_head").fetchall() != [(count, last)]:
        raise ChainBroken("the chain does not end where its head says")
    if connection.execute("SELECT count(*) FROM usage").fetchall() != [(count,)]:
        raise ChainBroken("there are rows outside the chain")
    return count
