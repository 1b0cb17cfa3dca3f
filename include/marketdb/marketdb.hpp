#pragma once

/// The one include.
#include <marketdb/alignment.hpp>
#include <marketdb/backup.hpp>
#include <marketdb/bars.hpp>
#include <marketdb/clock.hpp>
#include <marketdb/config.hpp>
#include <marketdb/coverage.hpp>
#include <marketdb/coverage_claim.hpp>
#include <marketdb/database_manager.hpp>
#include <marketdb/deadline.hpp>
#include <marketdb/error.hpp>
#include <marketdb/format.hpp>
#include <marketdb/funding.hpp>
#include <marketdb/inline_string.hpp>
#include <marketdb/log.hpp>
#include <marketdb/measures.hpp>
#include <marketdb/models.hpp>
#include <marketdb/queries.hpp>
#include <marketdb/removal.hpp>
#include <marketdb/roles.hpp>
#include <marketdb/spreads.hpp>
#include <marketdb/sql.hpp>
#include <marketdb/status.hpp>
#include <marketdb/symbols.hpp>
#include <marketdb/time.hpp>
#include <marketdb/transfer.hpp>
