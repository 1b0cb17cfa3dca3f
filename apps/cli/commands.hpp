#pragma once

#include <string>

#include "options.hpp"

/// One function a command; each returns the exit code or throws (see main.cpp).
namespace marketdb::cli {

int run_init(const GlobalOptions& global, const InitOptions& options);
int run_import(const GlobalOptions& global, const ImportArguments& arguments);
int run_export(const GlobalOptions& global, const ReadOptions& options);
int run_copy(const GlobalOptions& global, const CopyArguments& arguments, const ReadOptions& options);
int run_checksum(const GlobalOptions& global, const ReadOptions& options);
int run_latest(const GlobalOptions& global, const ReadOptions& options);
int run_history(const GlobalOptions& global, const ReadOptions& options);
int run_bars(const GlobalOptions& global, const BarArguments& arguments, const ReadOptions& options);
int run_liquidity(const GlobalOptions& global, const ReadOptions& options);
int run_coverage(const GlobalOptions& global, const CoverageArguments& arguments, const ReadOptions& options);
int run_coverage_declare(const GlobalOptions& global, const CoverageArguments& arguments, const ReadOptions& options);
int run_gaps(const GlobalOptions& global, const CoverageArguments& arguments, const ReadOptions& options);
int run_funding(const GlobalOptions& global, const FundingArguments& arguments, const ReadOptions& options);
int run_basis(const GlobalOptions& global, const FundingArguments& arguments, const ReadOptions& options);
int run_align(const GlobalOptions& global, const CompareArguments& arguments);
int run_spread(const GlobalOptions& global, const CompareArguments& arguments);
int run_exchanges(const GlobalOptions& global, const FormatFlags& flags);
int run_symbols(const GlobalOptions& global, const SymbolsOptions& options);
int run_symbols_sync(const GlobalOptions& global, const SyncArguments& arguments);
int run_symbols_resolve(const GlobalOptions& global, const std::string& text, const FormatFlags& flags);
int run_symbols_set(const GlobalOptions& global, const SymbolSetArguments& arguments, const FormatFlags& flags);
int run_symbols_merge(const GlobalOptions& global, const SymbolMergeArguments& arguments);
int run_sql(const GlobalOptions& global, const SqlArguments& arguments);
int run_stats(const GlobalOptions& global, const StatsOptions& options);
int run_status(const GlobalOptions& global, const StatusArguments& arguments);
int run_check(const GlobalOptions& global, const StatusArguments& arguments);
int run_metrics(const GlobalOptions& global, const StatusArguments& arguments);
int run_imports_list(const GlobalOptions& global, const FormatFlags& flags);
int run_imports_show(const GlobalOptions& global, const RemovalArguments& arguments);
int run_imports_undo(const GlobalOptions& global, const RemovalArguments& arguments);
int run_delete(const GlobalOptions& global, const RemovalArguments& arguments, const ReadOptions& read);
int run_backup(const GlobalOptions& global, const BackupArguments& arguments);
int run_restore(const GlobalOptions& global, const BackupArguments& arguments);
int run_doctor(const GlobalOptions& global, const FormatFlags& flags);
int run_retention_show(const GlobalOptions& global, const RetentionArguments& arguments);
int run_retention_set(const GlobalOptions& global, const RetentionArguments& arguments);
int run_retention_hold(const GlobalOptions& global, const RetentionArguments& arguments);
int run_retention_release(const GlobalOptions& global, const RetentionArguments& arguments);
int run_retention_forecast(const GlobalOptions& global, const MaintainArguments& arguments);
int run_maintain(const GlobalOptions& global, const MaintainArguments& arguments);
int run_cleanup(const GlobalOptions& global, const CleanupArguments& arguments);
int run_migrate_status(const GlobalOptions& global, const MigrateOptions& options);
int run_migrate_plan(const GlobalOptions& global, const MigrateOptions& options);
int run_migrate_up(const GlobalOptions& global, const MigrateOptions& options);
int run_migrate_finish(const GlobalOptions& global, const MigrateOptions& options);
int run_migrate_down(const GlobalOptions& global, const MigrateOptions& options);
int run_demo(const GlobalOptions& global, const DemoOptions& options);
int run_config_show(const GlobalOptions& global, const FormatFlags& flags);

/// `marketdb 0.1.0 (SQLite 3.40.1)`.
[[nodiscard]] std::string version_text();

}  // namespace marketdb::cli
