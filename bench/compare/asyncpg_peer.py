#!/usr/bin/env python3
"""What asyncpg takes for the work of postgres_bench.

Usage: asyncpg_peer.py URL SCHEMA. Reads one piece of work a line, answers `WALL CPU COUNT` (seconds, rows):

    load FILE                          reads rows as postgres_bench wrote them
    staged|skipping TABLE FIRST COUNT BATCH
                                       COPY to a temporary table, then INSERT .. ON CONFLICT DO UPDATE, a transaction a batch;
                                       `skipping` leaves rows alone that are equal
    executemany TABLE FIRST COUNT BATCH
    execute TABLE FIRST COUNT BATCH    row by row, a transaction a batch
    fetch SYMBOL                       all rows of a symbol
"""

import asyncio
import struct
import sys
import time
from datetime import datetime, timedelta, timezone

import asyncpg

COLUMNS = ["symbol_id", "timestamp", "sequence", "received_at", "bid_price", "bid_qty", "ask_price", "ask_qty", "source_id"]
KEY = COLUMNS[:3]
OTHERS = COLUMNS[3:]
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
ROW = struct.Struct("<iqqqddddi")


def upsert(table, values, skips_equal):
    assignments = ", ".join(f"{column} = excluded.{column}" for column in OTHERS)
    statement = f"INSERT INTO {table} AS t ({', '.join(COLUMNS)}) {values} ON CONFLICT ({', '.join(KEY)}) DO UPDATE SET {assignments}"
    if skips_equal:
        stored = ", ".join(f"t.{column}" for column in OTHERS)
        given = ", ".join(f"excluded.{column}" for column in OTHERS)
        statement += f" WHERE ({stored}) IS DISTINCT FROM ({given})"
    return statement


class Peer:
    def __init__(self, connection):
        self.connection = connection
        self.rows = []

    async def load(self, file):
        with open(file, "rb") as source:
            for symbol, timestamp, sequence, received, bid, bid_size, ask, ask_size, origin in ROW.iter_unpack(source.read()):
                self.rows.append((symbol, EPOCH + timedelta(microseconds=timestamp), sequence,
                                  EPOCH + timedelta(microseconds=received), bid, bid_size, ask, ask_size, origin))
        return len(self.rows)

    def batches(self, first, count, batch):
        for begin in range(int(first), int(first) + int(count), int(batch)):
            yield self.rows[begin:min(begin + int(batch), int(first) + int(count))]

    async def staged(self, table, first, count, batch, skips_equal=False):
        await self.connection.execute(f"CREATE TEMPORARY TABLE IF NOT EXISTS staged_{table} (LIKE {table}) ON COMMIT DELETE ROWS")
        statement = upsert(table, f"SELECT {', '.join(COLUMNS)} FROM staged_{table}", skips_equal)
        for rows in self.batches(first, count, batch):
            async with self.connection.transaction():
                await self.connection.copy_records_to_table(f"staged_{table}", records=rows, columns=COLUMNS)
                await self.connection.execute(statement)
        return int(count)

    async def skipping(self, table, first, count, batch):
        return await self.staged(table, first, count, batch, True)

    async def executemany(self, table, first, count, batch):
        statement = upsert(table, f"VALUES ({', '.join(f'${i + 1}' for i in range(len(COLUMNS)))})", False)
        for rows in self.batches(first, count, batch):
            await self.connection.executemany(statement, rows)
        return int(count)

    async def execute(self, table, first, count, batch):
        statement = upsert(table, f"VALUES ({', '.join(f'${i + 1}' for i in range(len(COLUMNS)))})", False)
        for rows in self.batches(first, count, batch):
            async with self.connection.transaction():
                for row in rows:
                    await self.connection.execute(statement, *row)
        return int(count)

    async def fetch(self, symbol):
        rows = await self.connection.fetch(
            f"SELECT {', '.join(COLUMNS)} FROM book_ticker_snapshots WHERE symbol_id = $1 ORDER BY timestamp, sequence", int(symbol))
        return len(rows)


async def serve(url, schema):
    connection = await asyncpg.connect(url, server_settings={"search_path": schema, "jit": "off"})
    peer = Peer(connection)
    for line in iter(sys.stdin.readline, ""):
        work, *arguments = line.split()
        wall, cpu = time.perf_counter(), time.process_time()
        count = await getattr(peer, work)(*arguments)
        print(time.perf_counter() - wall, time.process_time() - cpu, count, flush=True)
    await connection.close()


asyncio.run(serve(*sys.argv[1:]))
