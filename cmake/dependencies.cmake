# What each part is built on; docs/dependencies.md says why.
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(Boost 1.81 CONFIG REQUIRED)
find_package(fmt 9 REQUIRED)
find_package(SQLite3 3.37 REQUIRED)  # The first with STRICT tables.
find_package(PostgreSQL 14 REQUIRED)  # libpq; the first with pipelines.
find_package(yaml-cpp REQUIRED)
find_package(LibArchive REQUIRED)
find_package(ZLIB REQUIRED)
find_package(OpenSSL 3 REQUIRED COMPONENTS Crypto)

# Before 0.8 yaml-cpp had no namespaced target.
set(MARKETDB_YAML_CPP yaml-cpp::yaml-cpp)
if(NOT TARGET yaml-cpp::yaml-cpp)
    set(MARKETDB_YAML_CPP yaml-cpp)
endif()

if(MARKETDB_BUILD_CLI)
    find_package(CLI11 2.1 REQUIRED)
    find_package(spdlog 1.10 REQUIRED)
endif()
if(MARKETDB_BUILD_TESTS)
    find_package(GTest REQUIRED)
    find_package(nlohmann_json REQUIRED)
endif()
if(MARKETDB_BUILD_BENCH)
    find_package(benchmark REQUIRED)
endif()
