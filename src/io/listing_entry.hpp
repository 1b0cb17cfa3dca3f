#pragma once

#include <string_view>

#include <boost/json/fwd.hpp>

#include <marketdb/models.hpp>

/// What an entry of a listing says, exchange by exchange. Ids are 0; what the entry does not say is absent, also where it is of
/// another kind than expected: whether the symbol can be stored is for others to check.
namespace marketdb::io {

/// The text of a member; empty if there is none or it is no text.
[[nodiscard]] std::string_view text_of(const boost::json::object& entry, std::string_view name);

/// A number, given as one or as text; absent if it is neither.
[[nodiscard]] double number_of(const boost::json::object& entry, std::string_view name);

/// An object within another; an empty one if there is none.
[[nodiscard]] const boost::json::object& part_of(const boost::json::object& entry, std::string_view name);

[[nodiscard]] Symbol read_binance_spot(const boost::json::object& entry);
[[nodiscard]] Symbol read_binance_futures(const boost::json::object& entry);
[[nodiscard]] Symbol read_mexc_spot(const boost::json::object& entry);
[[nodiscard]] Symbol read_gateio_spot(const boost::json::object& entry);
[[nodiscard]] Symbol read_gateio_futures(const boost::json::object& entry);
[[nodiscard]] Symbol read_bybit_spot(const boost::json::object& entry);
[[nodiscard]] Symbol read_bybit_futures(const boost::json::object& entry);
[[nodiscard]] Symbol read_okx_spot(const boost::json::object& entry);
[[nodiscard]] Symbol read_okx_futures(const boost::json::object& entry);

}  // namespace marketdb::io
