# How every target of this project is compiled. Not part of what is installed.
# marketdb_options is for the library and programs, marketdb_test_options for tests; both hold marketdb_common_options.
add_library(marketdb_common_options INTERFACE)
target_compile_features(marketdb_common_options INTERFACE cxx_std_20)
target_compile_definitions(marketdb_common_options INTERFACE
    MARKETDB_VERSION="${PROJECT_VERSION}"
    BOOST_ASIO_NO_DEPRECATED)
target_compile_options(marketdb_common_options INTERFACE
    -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion
    $<$<BOOL:${MARKETDB_WERROR}>:-Werror>)

# A product that is added is rounded before, as a database does it; a processor that can do both at once would give other bits.
target_compile_options(marketdb_common_options INTERFACE -ffp-contract=off)

# GCC 12 sees overlapping and endless copies in "text" + string at -O3 (its bugs 105651 and 105329, mended in 13), and at -O2 a
# coroutine's frame that is not freed as it was allocated, where it inlines only one of Asio's two functions.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    target_compile_options(marketdb_common_options INTERFACE
        -Wno-restrict -Wno-mismatched-new-delete
        $<$<CONFIG:Release>:-Wno-stringop-overflow> $<$<CONFIG:Release>:-Wno-array-bounds>)
endif()

if(MARKETDB_SANITIZE)
    target_compile_options(marketdb_common_options INTERFACE -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(marketdb_common_options INTERFACE -fsanitize=${MARKETDB_SANITIZE})
    if(MARKETDB_SANITIZE STREQUAL "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        # GCC says that it cannot follow the fences inside Asio. Nothing of ours uses one.
        target_compile_options(marketdb_common_options INTERFACE -Wno-tsan)
    endif()
endif()
if(MARKETDB_COVERAGE)
    target_link_options(marketdb_common_options INTERFACE --coverage)
endif()

add_library(marketdb_options INTERFACE)
target_link_libraries(marketdb_options INTERFACE marketdb_common_options)
if(MARKETDB_SANITIZE)
    target_compile_options(marketdb_options INTERFACE -fsanitize=${MARKETDB_SANITIZE})
endif()
if(MARKETDB_COVERAGE)
    target_compile_options(marketdb_options INTERFACE --coverage -fprofile-update=atomic)
endif()

# The sources of tests are neither counted nor looked at by UBSan (what they call is), nor need they be fast: compiling a
# fifth of the contract suite takes 203 s of processor time with both and 116 s without (2026-11-27, GCC 12.2, two cores).
add_library(marketdb_test_options INTERFACE)
target_link_libraries(marketdb_test_options INTERFACE marketdb_common_options)
target_compile_options(marketdb_test_options INTERFACE $<$<CONFIG:Release>:-O1>)
string(REGEX REPLACE ",?undefined" "" sanitizers_of_tests "${MARKETDB_SANITIZE}")
if(sanitizers_of_tests)
    target_compile_options(marketdb_test_options INTERFACE -fsanitize=${sanitizers_of_tests})
endif()

# The sources of one folder. A file that appears or goes is noticed by the next build.
function(marketdb_sources out folder)
    file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.cpp)
    set(${out} ${sources} PARENT_SCOPE)
endfunction()

# Compiles the sources of a target some at a time. Most of what one of ours compiles are Asio's coroutines, once a source: four of the
# contract suite take 61 s of processor time alone and 32 s together (2026-11-27, GCC 12.2, -Og, ASan, two cores).
# marketdb_unity(<target> <tests or library>)
function(marketdb_unity target part)
    if(MARKETDB_UNITY STREQUAL "all" OR MARKETDB_UNITY STREQUAL part)
        set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
        if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
            # GCC means headers. What it takes for one here is a source.
            target_compile_options(${target} PRIVATE -Wno-subobject-linkage)
        endif()
    endif()
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
