# How every target of this project is compiled. Not part of what is installed.
add_library(marketdb_options INTERFACE)
target_compile_features(marketdb_options INTERFACE cxx_std_20)
target_compile_definitions(marketdb_options INTERFACE
    MARKETDB_VERSION="${PROJECT_VERSION}"
    BOOST_ASIO_NO_DEPRECATED)
target_compile_options(marketdb_options INTERFACE
    -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion
    $<$<BOOL:${MARKETDB_WERROR}>:-Werror>)

# GCC 12 sees overlapping and endless copies in "text" + string at -O3 (its bugs 105651 and 105329, mended in 13), and at -O2 a
# coroutine's frame that is not freed as it was allocated, where it inlines only one of Asio's two functions.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    target_compile_options(marketdb_options INTERFACE
        -Wno-restrict -Wno-mismatched-new-delete
        $<$<CONFIG:Release>:-Wno-stringop-overflow> $<$<CONFIG:Release>:-Wno-array-bounds>)
endif()

if(MARKETDB_SANITIZE)
    set(sanitizers -fsanitize=${MARKETDB_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_compile_options(marketdb_options INTERFACE ${sanitizers})
    target_link_options(marketdb_options INTERFACE ${sanitizers})
    if(MARKETDB_SANITIZE STREQUAL "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        # GCC says that it cannot follow the fences inside Asio. Nothing of ours uses one.
        target_compile_options(marketdb_options INTERFACE -Wno-tsan)
    endif()
endif()
if(MARKETDB_COVERAGE)
    target_compile_options(marketdb_options INTERFACE --coverage -fprofile-update=atomic)
    target_link_options(marketdb_options INTERFACE --coverage)
endif()

# The sources of one folder. A file that appears or goes is noticed by the next build.
function(marketdb_sources out folder)
    file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.cpp)
    set(${out} ${sources} PARENT_SCOPE)
endfunction()

# Asio's headers are most of what a small file compiles: 2.5 s of CPU without and 1.4 s with this, for 3.9 s once
# (2026-11-23, GCC 12.2, -Og, src/manager/reference.cpp, two cores). All users must be compiled with the same flags.
function(marketdb_precompile_asio target)
    if(NOT MARKETDB_PCH OR BUILD_SHARED_LIBS OR NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        return()
    endif()
    target_compile_options(${target} PRIVATE -fpch-preprocess)  # For ccache.
    if(TARGET marketdb_pch)
        target_precompile_headers(${target} REUSE_FROM marketdb_pch)
        return()
    endif()
    add_library(marketdb_pch ALIAS ${target})
    target_precompile_headers(${target} PRIVATE
        <algorithm> <atomic> <chrono> <functional> <memory> <mutex> <optional> <string> <vector>
        <boost/asio/any_io_executor.hpp> <boost/asio/awaitable.hpp> <boost/asio/co_spawn.hpp>
        <boost/asio/dispatch.hpp> <boost/asio/io_context.hpp> <boost/asio/post.hpp> <boost/asio/steady_timer.hpp>
        <boost/asio/strand.hpp> <boost/asio/thread_pool.hpp> <boost/asio/use_awaitable.hpp>
        <boost/asio/use_future.hpp> <fmt/format.h>)
endfunction()

# Makes one source that holds the files as texts: `marketdb::storage::postgres::embedded_files()` (name, text), by name.
function(marketdb_embed out)
    set(target ${CMAKE_CURRENT_BINARY_DIR}/${out}.cpp)
    set(entries "")
    foreach(file IN LISTS ARGN)
        set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
        get_filename_component(name ${file} NAME)
        file(READ ${file} text)
        string(APPEND entries "    {\"${name}\", R\"embedded(${text})embedded\"},\n")
    endforeach()
    list(LENGTH ARGN count)
    file(CONFIGURE OUTPUT ${target} @ONLY CONTENT
"#include <array>

#include \"storage/postgres/embedded.hpp\"

namespace marketdb::storage::postgres {

std::span<const EmbeddedFile> embedded_files() noexcept {
    static constexpr std::array<EmbeddedFile, @count@> kFiles{{
@entries@    }};
    return kFiles;
}

}  // namespace marketdb::storage::postgres
")
    set(${out} ${target} PARENT_SCOPE)
endfunction()
