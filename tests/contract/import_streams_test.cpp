#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "import_fixture.hpp"
#include "support/child_process.hpp"

/// Imports of what is no file, and out of room for one.
namespace marketdb::testing {
namespace {

MARKETDB_IMPORT_SUITE(ImportStreams);

/// Standard input as a test wants it, until the end of the scope.
class StandardInput {
 public:
    explicit StandardInput(const std::string& bytes) : saved_(::dup(STDIN_FILENO)) {
        ::signal(SIGPIPE, SIG_IGN);
        int ends[2];
        if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
        ::dup2(ends[0], STDIN_FILENO);
        ::close(ends[0]);
        writer_ = std::thread([bytes, end = ends[1]] {
            std::size_t done = 0;
            while (done < bytes.size()) {
                const ssize_t count = ::write(end, bytes.data() + done, bytes.size() - done);
                if (count <= 0) break;
                done += static_cast<std::size_t>(count);
            }
            ::close(end);
        });
    }
    ~StandardInput() {
        ::dup2(saved_, STDIN_FILENO);  // first, so that a writer whose reader gave up does not wait for ever
        writer_.join();
        ::close(saved_);
    }

 private:
    int saved_;
    std::thread writer_;
};

TEST_P(ImportStreams, StandardInputIsImportedLikeAFile) {
    ImportOptions options;
    options.temp_directory = folder() / "spool";
    std::filesystem::create_directories(options.temp_directory);
    {
        const StandardInput input(tardis_quotes(20'000));
        const ImportReport report = import_whole("-", options);
        EXPECT_EQ(report.file, "-");
        EXPECT_EQ(report.written, result(20'000));
    }
    EXPECT_TRUE(std::filesystem::is_empty(options.temp_directory));
    EXPECT_EQ(stored_sources(), kept_sources({"- finished 20000"}));
    {
        const StandardInput input(tardis_quotes(20'000));
        EXPECT_EQ(import_whole("-", options).skipped, target().can.keeps_sources);
    }
    {
        const StandardInput input(quotes_with_a_crossed_row());
        const ImportReport report = import("-", options);
        EXPECT_EQ(report.error.find("-:4: column "), 0U) << report.error;
    }
    EXPECT_TRUE(std::filesystem::is_empty(options.temp_directory));
}

TEST_P(ImportStreams, ANamedPipeIsReadOnceAndImported) {
    const std::filesystem::path pipe = folder() / "pipe.csv";
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    std::thread writer([&pipe] {
        std::ofstream stream(pipe);
        stream << tardis_quotes(5'000);
    });
    const ImportReport report = import_whole(pipe);
    writer.join();
    EXPECT_EQ(report.written, result(5'000));
}

TEST_P(ImportStreams, AStopEndsTheWaitForStandardInput) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const std::filesystem::path silent = "/proc/self/fd/" + std::to_string(ends[0]);
    std::atomic<bool> stop{false};
    ImportOptions options;
    options.stop = &stop;
    options.on_progress = [&stop](const ImportProgress&) { stop = true; };
    expect_error(ErrorCode::cancelled, [&] { import(silent, options); }, {"nothing of it was stored"});
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST_P(ImportStreams, AFileThatCannotBeReadIsInTheReport) {
    const ImportReport absent = import(folder() / "absent.csv");
    EXPECT_EQ(absent.error_code, ErrorCode::unavailable);
    EXPECT_NE(absent.error.find("absent.csv"), std::string::npos) << absent.error;
    const ImportReport a_folder = import(folder());
    EXPECT_EQ(a_folder.error_code, ErrorCode::invalid_argument);
    EXPECT_NE(a_folder.error.find("is a folder"), std::string::npos) << a_folder.error;
    ImportOptions options;
    options.temp_directory = folder() / "absent";
    const StandardInput input("");
    const ImportReport no_room = import("-", options);
    EXPECT_EQ(no_room.error_code, ErrorCode::unavailable);
    EXPECT_NE(no_room.error.find("temporary file"), std::string::npos) << no_room.error;
    expect_nothing_stored();
}

TEST(ImportAndExport, AFullDiskIsResourceExhaustedAndLeavesNothing) {
    const TemporaryFolder folder;
    ChildProcess child([&folder](LineChannel&) {
        auto manager = EngineFixture::open(Config::from_url("sqlite::memory:"));
        const std::filesystem::path given = write_file(folder / "quotes.csv", tardis_quotes(50'000));
        EXPECT_EQ(manager->wait(import_file(*manager, given, {})).error, "");

        // A file may not become longer than this: a write fails as it does on a full disk.
        ::signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{5'000, RLIM_INFINITY};
        if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
        for (const char* name : {"out.csv", "out.csv.gz", "out.csv.zst", "out.csv.xz"}) {
            const std::filesystem::path out = folder / name;
            expect_error(
                ErrorCode::resource_exhausted,
                [&] { manager->wait(export_file(*manager, Dataset::book_tickers, {}, out, ExportFormat::csv)); },
                {name});
            EXPECT_FALSE(std::filesystem::exists(out));
            EXPECT_FALSE(std::filesystem::exists(out.string() + ".part"));
        }
        ImportOptions options;
        options.temp_directory = folder.path();
        const StandardInput input(tardis_quotes(5'000));
        const ImportReport report = manager->wait(import_file(*manager, "-", options));
        EXPECT_EQ(report.error_code, ErrorCode::resource_exhausted);
        EXPECT_NE(report.error.find(folder.path().string()), std::string::npos) << report.error;
        manager->wait(manager->close());
        return ::testing::Test::HasFailure() ? 2 : 0;
    });
    EXPECT_EQ(child.wait(), 0);
}

}  // namespace
}  // namespace marketdb::testing
