#include <marketdb/models.hpp>

#include <chrono>

#include <fmt/format.h>

#include "core/labels.hpp"

namespace marketdb {

std::string pair(const Symbol& symbol) {
    std::string text = fmt::format("{}/{}", symbol.symbol_base.view(), symbol.symbol_quote.view());
    if (symbol.contract_type != ContractType::dated || !is_present(symbol.expires_at)) return text;

    const std::chrono::year_month_day expiry{std::chrono::floor<std::chrono::days>(symbol.expires_at)};
    return text + fmt::format("-{:02}{:02}{:02}", static_cast<int>(expiry.year()) % 100,
                              static_cast<unsigned>(expiry.month()), static_cast<unsigned>(expiry.day()));
}

std::string joined(const Symbol& symbol) { return symbol.symbol_base.str() + symbol.symbol_quote.str(); }

std::string_view to_string(MarketType value) noexcept { return core::label_of(core::kMarketTypeLabels, value); }
std::string_view to_string(ContractType value) noexcept { return core::label_of(core::kContractTypeLabels, value); }
std::string_view to_string(QuantityUnit value) noexcept { return core::label_of(core::kQuantityUnitLabels, value); }
std::string_view to_string(Side value) noexcept { return core::label_of(core::kSideLabels, value); }
std::string_view to_string(FundingKind value) noexcept { return core::label_of(core::kFundingKindLabels, value); }

}  // namespace marketdb
