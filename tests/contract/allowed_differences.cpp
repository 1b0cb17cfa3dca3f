#include "contract/allowed_differences.hpp"

#include <algorithm>
#include <chrono>

#include "contract/engine_fixture.hpp"

namespace marketdb::testing {
namespace {

using storage::Capabilities;

FundingRate settling(FundingRate rate, Timestamp at) {
    rate.funding_time = at;
    return rate;
}

Symbol contract(const Ground& ground, std::string_view spelling) {
    Symbol symbol;
    symbol.exchange_id = ground.exchange;
    symbol.symbol_base = "BTC";
    symbol.symbol_quote = "USDT";
    symbol.exchange_symbol = spelling;
    return symbol;
}

WriteResult ensure(const Ground& ground, const Symbol& symbol) {
    static_cast<void>(ground.fixture.wait(ground.fixture.db().ensure_symbol(symbol)));
    return result(1);
}

WriteResult rounded(WriteResult written, std::uint64_t rows) {
    written.rounded = rows;
    return written;
}

const Timestamp kBefore2020 = parse_timestamp("2019-12-30T00:00:00Z");

std::vector<AllowedDifference> differences_of_quotes() {
    return {
        {.name = "RowsOfOneTime",
         .needs = &Capabilities::keeps_sequence,
         .write =
             [](const Ground& on) {
                 return on.fixture.store({quote(on.symbol, kNoon, 1, 9, 1), quote(on.symbol, kNoon, 2, 9, 2)});
             },
         .whole = result(2),
         .counted = result(1, 0, 0, 1),
         .tests = {"Writing.RowsOfOneTimestampAreKeptApartBySequence", "Writing.SequencesReachBothEndsOfTheirType",
                   "LatestContract.TheNewestIsTheGreatestTimestampThenTheGreatestSequence",
                   "HistoryContract.RowsComeByTimeThenSymbolThenSequence", "RealData.SpotQuotesOfTardis",
                   "RealData.UsdMarginedQuotesOfTardisKeepEveryRowOfATimestamp",
                   "RealData.QuotesOfBinanceAreNumberedByTheirUpdateId",
                   "BarsContract.RowsOfOneTimeOpenAndCloseInTheOrderOfTheirSequence",
                   "RealBars.MinutesOfUsdMarginedQuotes", "RealBars.FiveMinutesOfUsdMarginedQuotesByTheReceivedClock",
                   "RealBars.StatisticsOfSpotQuotesAndTrades", "Alignment.OfSeveralRowsAtOneTimeTheLastInOrderCounts"}},
        {.name = "AnOlderRowOfOneTime",
         .needs = &Capabilities::keeps_sequence,
         .write =
             [](const Ground& on) {
                 on.fixture.store(quote(on.symbol, kNoon, 2, 9, 2));
                 return on.fixture.store(quote(on.symbol, kNoon, 1, 9, 1));
             },
         .whole = result(1),
         .counted = result(0, 0, 1)},
        {.name = "ATimeOfArrival",
         .needs = &Capabilities::keeps_received_at,
         .write =
             [](const Ground& on) {
                 BookTicker row = quote(on.symbol, kNoon, 1, 9);
                 on.fixture.store(row);
                 row.received_at = kNoon + 3ms;
                 return on.fixture.store(row);
             },
         .whole = result(0, 1),
         .counted = result(0, 0, 1),
         .tests = {"Writing.AnAbsentReceivedAtDoesNotReplaceAKnownOne", "Writing.TheEarlierReceivedAtStays",
                   "Writing.ALargeBatchThatArrivedEarlierIsFoundByTheReceivedClock",
                   "HistoryContract.PagesByTheReceivedClockEqualTheWhole",
                   "HistoryContract.TheReceivedClockOrdersByReceivedAtWhateverTheSkew",
                   "HistoryContract.RowsWithoutReceivedAtAreLeftOutAndCounted",
                   "HistoryContract.SeveralSeriesAreMergedByTheReceivedClock",
                   "HistoryContract.EveryByTheReceivedClockUsesItsBuckets",
                   "LatestContract.AgeIsNowMinusReceivedAtElseMinusTimestamp", "RealData.TradesOfTwoVendorsAreOneTrade",
                   "BarsContract.TheReceivedClockCountsWhatItLeavesOut",
                   "Alignment.TheReceivedClockComparesWhatWasKnownHereAtOneTime",
                   "Alignment.TheEventClockIsRefusedForASeriesWithoutEventTime",
                   "Alignment.RowsWithoutReceivedAtAreLeftOutAndCounted"}},
        {.name = "AQuoteWithoutASide",
         .needs = &Capabilities::unknown_side,
         .write =
             [](const Ground& on) {
                 BookTicker row = quote(on.symbol, kNoon + 1ms, 1, 9);
                 row.ask_price = kNoNumber;
                 row.ask_qty = kNoNumber;
                 return on.fixture.store({quote(on.symbol, kNoon, 1, 9), row});
             },
         .whole = result(2),
         .refused_for = {"book_ticker_snapshots row 1", "column ask_price"},
         .tests = {"Writing.TheTwoSidesAreReplacedTogetherBecauseAMissingSideIsAStatement",
                   "ImportLayouts.TardisQuotesKeepArrivalOrderAndMissingSides",
                   "ImportLayouts.BinanceBookTickersUseTransactionTimeAndUpdateId",
                   "ImportLayouts.OwnCsvKeepsTheExchangesSpelling", "Export.RowsAreCsvWithTheExchangesSpelling",
                   "Export.RowsOfOneTimeComeByNameWhateverTheirIds",
                   "Export.AFilterChoosesAndTheReceivedClockCountsWhatItLeavesOut", "Export.FilesAppearWholeOrNotAtAll",
                   "Export.ALinkStaysALinkAndADeviceADevice",
                   "Export.AFileThatCannotBeWrittenIsAnErrorAndLeavesNothing", "Export.AFailingReceiverEndsTheExport",
                   "RoundTrip.ThroughAnEmptyDatabaseGivesTheSameBytesAndSymbols",
                   "BarsContract.AMissingSideTakesNoPartInItsNumbers", "BarsContract.ASideThatHadGoneIsNotFilled",
                   "BarsContract.StatisticsOfQuotesWithoutASideAreOfTheOthers",
                   "FundingContract.AQuoteWithoutASideHasNoBasis", "Alignment.ASideThatHasGoneIsNotCarriedOn",
                   "Spreads.InstantsWithoutASideAreMissing"}},
        {.name = "ASizeOfZero",
         .needs = &Capabilities::unknown_side,
         .write =
             [](const Ground& on) {
                 BookTicker row = quote(on.symbol, kNoon + 1ms, 1, 9);
                 row.bid_qty = 0;
                 return on.fixture.store({quote(on.symbol, kNoon, 1, 9), row});
             },
         .whole = result(2),
         .refused_for = {"book_ticker_snapshots row 1", "column bid_price"},
         .tests = {"Writing.ASizeOfZeroMeansThatTheSideIsMissing"}},
        {.name = "ANinthDecimal",
         .needs = &Capabilities::exact_doubles,
         .write =
             [](const Ground& on) {
                 return on.fixture.store(
                     {quote(on.symbol, kNoon, 1, 9), quote(on.symbol, kNoon + 1ms, 61837.631234567, 70000)});
             },
         .whole = result(2),
         .counted = rounded(result(2), 1),
         .tests = {"Writing.DoublesComeBackBitForBit"}},
        {.name = "APriceThatChangesByMoreThanAMillionth",
         .needs = &Capabilities::exact_doubles,
         .write =
             [](const Ground& on) {
                 return on.fixture.store(
                     {quote(on.symbol, kNoon, 1, 9), quote(on.symbol, kNoon + 1ms, 0.000012345678, 9)});
             },
         .whole = result(2),
         .refused_for = {"book_ticker_snapshots row 1",
                         "column bid_price: 1.2345678e-05 would be rounded to 1.235e-05"}},
        {.name = "APriceThatRoundsToZero",
         .needs = &Capabilities::exact_doubles,
         .write =
             [](const Ground& on) {
                 return on.fixture.store({quote(on.symbol, kNoon, 1, 9), quote(on.symbol, kNoon + 1ms, 4e-9, 9)});
             },
         .whole = result(2),
         .refused_for = {"book_ticker_snapshots row 1", "column bid_price: 4e-09 rounds to 0"}},
    };
}

std::vector<AllowedDifference> differences_of_trades() {
    return {
        {.name = "ATradeWithoutAnIdThatIsWrittenAgain",
         .needs = &Capabilities::unique_trades,
         .write =
             [](const Ground& on) {
                 on.fixture.store(trade(on.symbol, kNoon, ""));
                 return on.fixture.store(trade(on.symbol, kNoon, ""));
             },
         .whole = result(0, 0, 1),
         .counted = result(1),
         .tests = {"Writing.TradesWithoutIdAreNumberedFromTheirLatency",
                   "Writing.TradesWithoutIdAndWithoutReceivedAtAreNumberedFromZero",
                   "Writing.ATradeWithoutIdButWithASequenceIsNamedAfterIt"}},
        {.name = "ASequenceOfATrade",
         .needs = &Capabilities::keeps_sequence,
         .write =
             [](const Ground& on) {
                 Trade row = trade(on.symbol, kNoon, "x1");
                 row.sequence = 1'000'000;
                 on.fixture.store(row);
                 const std::vector<Trade> stored = on.fixture.wait(on.fixture.db().get_trade_history()).rows;
                 return result(stored.at(0).sequence == row.sequence ? 1U : 0U);
             },
         .whole = result(1),
         .counted = result(0),
         .tests = {"HistoryContract.TradesOfOneTimeComeBySequenceThenByTheBytesOfTheirId",
                   "Writing.ATradeKeepsEverythingThatIsKnownOfIt",
                   "Writing.ATradeIdOfDigitsGivesTheSequenceWhereThatIsZero",
                   "Writing.TheSequenceOfAStoredTradeStaysAndADifferenceInItAloneIsNoUpdate"}},
        {.name = "ATradeWithoutASide",
         .needs = &Capabilities::unknown_side,
         .write =
             [](const Ground& on) {
                 return on.fixture.store(
                     {trade(on.symbol, kNoon, "1"), trade(on.symbol, kNoon + 1ms, "2", 100, 1, Side::unknown)});
             },
         .whole = result(2),
         .refused_for = {"trade_snapshots row 1", "column side"},
         .tests = {"Writing.AnUnknownSideIsKeptAsUnknown", "ImportLayouts.TardisTradesMayLackIdAndSide",
                   "Export.RowsAreJsonLines", "BarsContract.ATradeOfAnUnknownSideIsInTheVolumeOnly"}},
        {.name = "AQuantityOfThirteenDigits",
         .needs = &Capabilities::exact_doubles,
         .write =
             [](const Ground& on) {
                 return on.fixture.store({trade(on.symbol, kNoon, "1"), trade(on.symbol, kNoon + 1ms, "2", 100, 1e12)});
             },
         .whole = result(2),
         .refused_for = {"trade_snapshots row 1", "column quantity: 1000000000000 is too large"}},
    };
}

/// A rate that fits and then the other one.
WriteResult store_second(const Ground& ground, const FundingRate& rate) {
    return ground.fixture.store({settling(funding(ground.symbol, kNoon, 0.0001), kNoon + 4h), rate});
}

std::vector<AllowedDifference> differences_of_funding_rates() {
    return {
        {.name = "AFundingRateOfNineDecimals",
         .needs = &Capabilities::exact_doubles,
         .write =
             [](const Ground& on) {
                 return store_second(on, settling(funding(on.symbol, kNoon + 1s, 0.000123456), kNoon + 4h));
             },
         .whole = result(2),
         .refused_for = {"funding_rate_snapshots row 1",
                         "column funding_rate: 0.000123456 would be rounded to 0.00012346"}},
        {.name = "AFundingRateBeyondOne",
         .needs = &Capabilities::own_tables,
         .write =
             [](const Ground& on) {
                 return store_second(on, settling(funding(on.symbol, kNoon + 1s, -1.5), kNoon + 4h));
             },
         .whole = result(2),
         .refused_for = {"funding_rate_snapshots row 1", "column funding_rate"},
         .tests = {"Writing.AFundingRateMayBeZeroOrNegative"}},
        {.name = "AFundingRateWithoutItsSettlement",
         .needs = &Capabilities::own_tables,
         .write = [](const Ground& on) { return store_second(on, funding(on.symbol, kNoon + 1s, 0.0001)); },
         .whole = result(2),
         .refused_for = {"funding_rate_snapshots row 1", "column funding_time"}},
        {.name = "ASettledRateBeforeItsSettlement",
         .needs = &Capabilities::own_tables,
         .write =
             [](const Ground& on) {
                 const FundingRate rate = funding(on.symbol, kNoon + 1s, 0.0001, FundingKind::settled);
                 return store_second(on, settling(rate, kNoon + 4h));
             },
         .whole = result(2),
         .refused_for = {"funding_rate_snapshots row 1", "column kind"}},
        {.name = "AFundingRateOf2019",
         .needs = &Capabilities::own_tables,
         .write =
             [](const Ground& on) {
                 return store_second(on, settling(funding(on.symbol, kBefore2020, 0.0001), kNoon));
             },
         .whole = result(2),
         .refused_for = {"funding_rate_snapshots row 0", "column timestamp"}},
        {.name = "TwoKindsOfOneTime",
         .needs = &Capabilities::own_tables,
         .write =
             [](const Ground& on) {
                 const FundingRate predicted = with_settlement(funding(on.symbol, kNoon, 0.0001));
                 const FundingRate settled = with_settlement(funding(on.symbol, kNoon, 0.0002, FundingKind::settled));
                 return on.fixture.store({predicted, settled});
             },
         .whole = result(2),
         .counted = result(1, 0, 0, 1),
         .tests = {"Writing.PredictedAndSettledRatesOfOneTimeAreTwoRows"}},
        {.name = "AMarkPrice",
         .needs = &Capabilities::own_tables,
         .write =
             [](const Ground& on) {
                 FundingRate rate = settling(funding(on.symbol, kNoon, 0.0001), kNoon + 4h);
                 on.fixture.store(rate);
                 rate.mark_price = 61000;
                 return on.fixture.store(rate);
             },
         .whole = result(0, 1),
         .counted = result(0, 0, 1),
         .tests = {"Writing.AFundingRateKeepsItsIntervalMarkPriceAndSettlement", "RealData.AYearOfFundingIsSettled",
                   "RealData.SmallFilesOfTardis", "FundingContract.RatesAreAnnualisedByTheirOwnInterval",
                   "FundingContract.AfterASettlementTheNextOneIsAnIntervalLater", "RealBars.AYearOfSettledFunding"}},
    };
}

/// A balance that fits and the other one.
WriteResult store_second(const Ground& ground, const Balance& other) {
    return ground.fixture.store({balance(ground.exchange, "BTC", kNoon, 0.5), other});
}

std::vector<AllowedDifference> differences_of_balances() {
    return {
        {.name = "ABalanceOfNineDigits",
         .needs = &Capabilities::exact_doubles,
         .write = [](const Ground& on) { return store_second(on, balance(on.exchange, "USDT", kNoon, 12345678.5)); },
         .whole = result(2),
         .counted = rounded(result(2), 1)},
        {.name = "ANegativeBalance",
         .needs = &Capabilities::own_tables,
         .write = [](const Ground& on) { return store_second(on, balance(on.exchange, "USDT", kNoon, -1)); },
         .whole = result(2),
         .refused_for = {"balance_snapshots row 1", "column available_balance"},
         .tests = {"Writing.AvailableMayBeNegativeAndMinusZeroBecomesZero"}},
        {.name = "AnAssetInSmallLetters",
         .needs = &Capabilities::own_tables,
         .write = [](const Ground& on) { return store_second(on, balance(on.exchange, "usdt.e", kNoon, 1)); },
         .whole = result(2),
         .refused_for = {"balance_snapshots row 1", "column asset_name"}},
        {.name = "AnotherAccount",
         .needs = &Capabilities::own_tables,
         .write =
             [](const Ground& on) {
                 Balance hedge = balance(on.exchange, "USDT", kNoon, 1);
                 hedge.account = "sub1";
                 return store_second(on, hedge);
             },
         .whole = result(2),
         .refused_for = {"balance_snapshots row 1", "column account"},
         .tests = {"Writing.BalancesOfTwoAccountsAreTwoSeries",
                   "Writing.AnAssetThatACompleteSnapshotLacksBecomesZeroOnce",
                   "HistoryContract.BalancesAreChosenByExchangeAssetAndAccount",
                   "HistoryContract.BalancesAreChosenAsAListOfSeries",
                   "LatestContract.EveryAccountHasItsLatestBalances", "ImportLayouts.OwnBalancesNeedNoSymbols"}},
        {.name = "ABalanceOf2019",
         .needs = &Capabilities::own_tables,
         .write = [](const Ground& on) { return store_second(on, balance(on.exchange, "USDT", kBefore2020, 1)); },
         .whole = result(2),
         .refused_for = {"balance_snapshots row 1", "column timestamp"}},
    };
}

std::vector<AllowedDifference> differences_of_reference_data() {
    return {
        {.name = "AnExchangeOfAnotherPattern",
         .needs = &Capabilities::own_tables,
         .write =
             [](const Ground& on) {
                 static_cast<void>(on.fixture.wait(on.fixture.db().ensure_exchange("BINANCE_DELIVERY_FUTURES")));
                 return result(1);
             },
         .whole = result(1),
         .refused_for = {"exchanges", "BINANCE_DELIVERY_FUTURES", "column enum_value"}},
        {.name = "ADatedContract",
         .needs = &Capabilities::dated_contracts,
         .write =
             [](const Ground& on) {
                 Symbol dated = contract(on, "BTCUSDT_240927");
                 dated.expires_at = kNoon + std::chrono::hours(50 * 24);
                 return ensure(on, dated);
             },
         .whole = result(1),
         .refused_for = {"symbols row 0", "BTCUSDT_240927", "column contract_type"},
         .tests = {"Reference.AnInsertedSymbolKeepsEverythingThatIsKnownOfIt",
                   "Reference.APairOnAFuturesExchangeIsItsPerpetualAndDatedContractsAreNamedByTheirExpiry"}},
        {.name = "ASecondContractOfOnePair",
         .needs = &Capabilities::dated_contracts,
         .write = [](const Ground& on) { return ensure(on, contract(on, "BTC-USDT-SWAP")); },
         .whole = result(1),
         .refused_for = {"symbols", "BTC-USDT-SWAP", "column exchange_id, symbol_base, symbol_quote, symbol_type"},
         .tests = {"Reference.ASymbolIsIdentifiedByExchangeAndSpelling",
                   "Reference.ATextThatFitsSeveralSymbolsIsAmbiguousAndListsThem",
                   "Reference.InactiveSymbolsAreFoundTooAndActiveOnesWinATie"}},
        {.name = "ASizeInContracts",
         .needs = &Capabilities::dated_contracts,
         .write =
             [](const Ground& on) {
                 Symbol sized = contract(on, "SOLUSDT");
                 sized.symbol_base = "SOL";
                 sized.quantity_unit = QuantityUnit::contracts;
                 sized.contract_size = 10;
                 return ensure(on, sized);
             },
         .whole = result(1),
         .refused_for = {"symbols row 0", "SOLUSDT", "column quantity_unit"},
         .tests = {"Copying.EverythingArrivesAndIsFoundEqual", "Copying.SymbolsArriveWithAllTheirColumns",
                   "Copying.BackAgainChangesNothing", "Copying.IdsOfTheTargetAreItsOwn",
                   "Copying.APartIsChosenBySeriesAndTime", "Copying.NothingIsWrittenInADryRun",
                   "Copying.ASymbolThatIsAnotherInstrumentThereIsRefused",
                   "Copying.ASymbolThatDiffersInSmallThingsIsNoted", "Copying.IntoItselfIsRefused",
                   "Copying.ASelectionThatMakesNoSenseIsRefused", "Copying.ACoroutineOfTheCallerMayAwaitIt",
                   "Copying.ProgressCountsEveryRowOnce", "Spreads.SizesInContractsAreConverted"}},
        {.name = "AnInverseContract",
         .needs = &Capabilities::dated_contracts,
         .write =
             [](const Ground& on) {
                 Symbol inverse = contract(on, "BTCUSD_PERP");
                 inverse.symbol_quote = "USD";
                 inverse.contract_type = ContractType::inverse;
                 return ensure(on, inverse);
             },
         .whole = result(1),
         .refused_for = {"symbols row 0", "BTCUSD_PERP", "column contract_type"},
         .tests = {"ImportLayouts.BinanceFuturesTradesKnowTheirMarketByTheHeader",
                   "RealData.CoinMarginedQuotesOfTardisAreInContracts",
                   "RealBars.TheValueOfInverseContractsIsTheirSize", "RealData.EverythingAtOnceAndOutAgain",
                   "KnownAnswers.SpotAgainstCoinMarginedFutures"}},
        {.name = "ASpellingOfMoreThanThirtyCharacters",
         .needs = &Capabilities::own_tables,
         .write =
             [](const Ground& on) {
                 Symbol symbol = contract(on, "1000000MOGUSDT-PERPETUAL-LINEAR");
                 symbol.symbol_base = "MOG";
                 return ensure(on, symbol);
             },
         .whole = result(1),
         .refused_for = {"symbols row 0", "column exchange_symbol", "is longer than 30 characters"},
         .tests = {"BadInput.ASymbolIsDataWhateverItIsSpelled"}},
        {.name = "ASource",
         .needs = &Capabilities::keeps_sources,
         .write =
             [](const Ground& on) {
                 Source source;
                 source.kind = "import";
                 source.name = "quotes.csv";
                 const SourceId id = on.fixture.wait(on.fixture.db().begin_source(source));
                 on.fixture.wait(on.fixture.db().finish_source(id, 0));
                 return result(on.fixture.wait(on.fixture.db().get_sources()).size());
             },
         .whole = result(1),
         .counted = result(0),
         .tests = {"BadInput.AnUnknownSourceIsRefusedAndNothingIsStored",
                   "ImportRules.AFileThatWasImportedBeforeIsSkipped", "Keeping.ASourceIsBegunFinishedAndListed",
                   "Keeping.AnUnfinishedSourceWithTheSameHashIsTakenUpAgainAFinishedOneIsNot",
                   "Keeping.OfSeveralSourcesTheOneWithTheIdIsFinished",
                   "Writing.RowsWithoutASourceBelongToTheManagersSession",
                   "Writing.TheSourceOfARowChangesOnlyWhenTheRowIsUpdated"}},
        {.name = "RowsThatAreSetAside",
         .needs = &Capabilities::keeps_sources,
         .write =
             [](const Ground& on) {
                 Source source;
                 source.kind = "import";
                 QuarantinedRow row;
                 row.source_id = on.fixture.wait(on.fixture.db().begin_source(source));
                 row.line = 1;
                 row.dataset = "trades";
                 row.reason = "column price: -1 is not finite and positive";
                 const std::vector<QuarantinedRow> rows{row};
                 return on.fixture.wait(on.fixture.db().insert_quarantined_rows(rows));
             },
         .whole = result(1),
         .refused_for = {"no table for rows that were set aside"},
         .code = ErrorCode::schema_mismatch,
         .tests = {"BadInput.AQuarantinedRowMayHoldAnyTextThatIsText",
                   "Keeping.RowsThatCouldNotBeStoredAreKeptWithTheirReason",
                   "ImportRules.QuarantineKeepsTheBadRowsAndStoresTheRest",
                   "ImportRules.QuarantineOfAFileWithoutAnyGoodRowCreatesNoSymbol",
                   "ImportRules.ASymbolThatCannotBeSplitIsRefusedUnlessItIsKnown",
                   "ImportRules.AnInterruptedQuarantineIsCompletedByTheNext",
                   "ImportRules.AggregatesOverStoredSingleTradesWarn",
                   "ImportLayouts.APairThatIsAnotherInTheDatabaseWarns",
                   "RoundTrip.SymbolsOfEveryKindComeOutAsTheyWentIn"}},
        {.name = "MigrationsOfTheTables",
         .needs = &Capabilities::own_tables,
         .write =
             [](const Ground& on) {
                 static_cast<void>(on.fixture.wait(on.fixture.db().migrate_up()));
                 return result(0);
             },
         .whole = result(0),
         .refused_for = {"is an existing schema, which is used as it is"},
         .code = ErrorCode::schema_mismatch,
         .tests = {"Opening.StatusAndPlanOfACurrentSchema",
                   "OpeningShared.AnEmptyDatabaseIsFilledOnlyIfTheModeAllowsToCreate",
                   "OpeningShared.AfterAFailureInitializeCanBeTriedAgain",
                   "OpeningShared.TheTablesOfAnotherProgramAreRefusedAndLeftAlone",
                   "OpeningShared.ANewerSchemaIsRefusedWithBothVersionsUnlessItSaysThatReadingIsFine",
                   "OpeningShared.AnOlderSchemaIsMigratedOnlyIfTheConfigurationSaysSo",
                   "OpeningShared.StatusAndPlanWorkBeforeInitializeAndMakeNothing",
                   "OpeningShared.UpRunsWhatThePlanSaysAndASecondTimeNothing",
                   "OpeningShared.DownUndoesStepsAndUpBringsThemBack",
                   "OpeningShared.DownRefusesToDropATableWithRowsAndChangesNothing"}},
    };
}

}  // namespace

const std::vector<AllowedDifference>& allowed_differences() {
    static const std::vector<AllowedDifference> all = [] {
        std::vector<AllowedDifference> list;
        for (const auto& part : {differences_of_quotes(), differences_of_trades(), differences_of_funding_rates(),
                                 differences_of_balances(), differences_of_reference_data()}) {
            list.insert(list.end(), part.begin(), part.end());
        }
        return list;
    }();
    return all;
}

std::string plain_name(std::string_view suite, std::string_view test) {
    return std::string(suite.substr(suite.find('/') + 1)) + "." + std::string(test.substr(0, test.find('/')));
}

std::string_view reason_to_leave_out(const Capabilities& can, std::string_view suite, std::string_view test) {
    const std::string name = plain_name(suite, test);
    for (const AllowedDifference& one : allowed_differences()) {
        if (can.*one.needs) continue;
        if (std::find(one.tests.begin(), one.tests.end(), name) != one.tests.end()) return one.name;
    }
    return {};
}

}  // namespace marketdb::testing
