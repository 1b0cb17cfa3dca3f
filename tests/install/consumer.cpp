#include <iostream>

#include <marketdb/marketdb.hpp>

int main() {
    marketdb::DatabaseManager db(marketdb::Config::from_url("sqlite::memory:"));
    db.wait(db.initialize());
    db.wait(db.insert_exchange({.enum_value = "MEXC_SPOT"}));
    std::cout << db.find_exchange("MEXC_SPOT")->enum_value.view() << '\n';
}
