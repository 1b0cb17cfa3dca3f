"""A collector as those that marketdb replaces: asyncpg, row by row, on the tables that marketdb uses at the same time.

Arguments: socket folder, port, database, role, schema, rows. Prints what it then reads: the count and the sum of the bids of
each symbol, trades, and the newest balance.
"""

import asyncio
import datetime
import sys

import asyncpg

NOON = datetime.datetime(2024, 8, 8, 12, tzinfo=datetime.timezone.utc)

UPSERT_QUOTE = """
    INSERT INTO book_ticker_snapshots (symbol_id, bid_price, bid_qty, ask_price, ask_qty, timestamp, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, now())
    ON CONFLICT (timestamp, symbol_id) DO UPDATE SET
        bid_price = EXCLUDED.bid_price, bid_qty = EXCLUDED.bid_qty,
        ask_price = EXCLUDED.ask_price, ask_qty = EXCLUDED.ask_qty, created_at = EXCLUDED.created_at
"""
INSERT_TRADE = """
    INSERT INTO trade_snapshots (symbol_id, price, quantity, side, trade_id, timestamp)
    VALUES ($1, $2, $3, $4, $5, $6)
"""
UPSERT_BALANCE = """
    INSERT INTO balance_snapshots (exchange_id, asset_name, available_balance, locked_balance, timestamp)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (timestamp, exchange_id, asset_name) DO UPDATE SET
        available_balance = EXCLUDED.available_balance, locked_balance = EXCLUDED.locked_balance
"""


async def collect(connection, rows):
    for first in range(0, rows, 20):
        batch = [(symbol, i + 1, 1, i + 1.5, 2, NOON + datetime.timedelta(milliseconds=i))
                 for i in range(first, first + 20) for symbol in (1, 2)]
        async with connection.transaction():
            await connection.executemany(UPSERT_QUOTE, batch)
        at = NOON + datetime.timedelta(milliseconds=first)
        await connection.execute(INSERT_TRADE, 1, 100.5, 1, "buy", f"py{first}", at)
        await connection.execute(UPSERT_BALANCE, 1, "USDT", 10.5, 2, at)


async def main(folder, port, database, role, schema, rows):
    connection = await asyncpg.connect(host=folder, port=int(port), database=database, user=role,
                                       server_settings={"search_path": schema})
    await collect(connection, int(rows))
    for symbol, count, bids in await connection.fetch(
            "SELECT symbol_id, count(*), sum(bid_price) FROM book_ticker_snapshots GROUP BY 1 ORDER BY 1"):
        print(symbol, count, bids.normalize())
    print("trades", await connection.fetchval("SELECT count(*) FROM trade_snapshots WHERE trade_id LIKE 'py%'"))
    print("balance", await connection.fetchval(
        "SELECT available_balance FROM balance_snapshots ORDER BY timestamp DESC LIMIT 1"))
    await connection.close()


asyncio.run(main(*sys.argv[1:]))
