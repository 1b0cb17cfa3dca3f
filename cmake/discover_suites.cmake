# Runs while ctest reads its tests. One test of ctest is a suite (of suites that every engine runs: on one engine), in a process of its
# own: to start a process costs a second under sanitizers, which is more than most tests take. What each test came to stands in the
# folder of reports, which scripts/test.sh counts.

# marketdb_add_suites(PROGRAM <file> PREFIX <of names> LABEL <label> REPORTS <folder> COMMAND_LINE <the program marketdb>
#                     [SERVER <file that says where PostgreSQL listens>])
#
# Suites that end in `Long`, and all of a label that says so, have a label that says `long`; those that end in `Serial` one that says
# `serial`. Both run alone. With SERVER, tests with `Postgres` in their name find one in $MARKETDB_TEST_POSTGRES.
function(marketdb_add_suites)
    cmake_parse_arguments(PARSE_ARGV 0 of "" "PROGRAM;PREFIX;LABEL;REPORTS;COMMAND_LINE;SERVER" "")
    execute_process(COMMAND ${of_PROGRAM} --gtest_list_tests
        OUTPUT_VARIABLE listed ERROR_VARIABLE problem RESULT_VARIABLE failed)
    if(failed)
        message(FATAL_ERROR "${of_PROGRAM} does not list its tests (${failed}): ${problem}")
    endif()
    string(REPLACE ";" "\\;" listed "${listed}")
    string(REPLACE "\n" ";" lines "${listed}")
    set(groups "")
    foreach(line IN LISTS lines)
        if(line MATCHES "^([^ ]+)\\.( +#.*)?$")
            set(suite "${CMAKE_MATCH_1}")
        elseif(line MATCHES "^  ([^ ]+)( +#.*)?$")
            set(test "${CMAKE_MATCH_1}")
            set(group "${suite}")
            if(test MATCHES "/((Sqlite|Postgres)[A-Za-z]*)$")
                string(APPEND group "/${CMAKE_MATCH_1}")
            endif()
            if(of_SERVER AND "${suite}.${test}" MATCHES "Postgres")
                string(APPEND group "@server")
            endif()
            list(APPEND groups "${group}")
            list(APPEND "tests of ${group}" "${suite}.${test}")
        endif()
    endforeach()
    list(REMOVE_DUPLICATES groups)
    foreach(group IN LISTS groups)
        list(JOIN "tests of ${group}" ":" names)
        string(REPLACE "/" "." report "${of_PREFIX}${group}")
        add_test("${of_PREFIX}${group}" ${of_PROGRAM} --gtest_brief=1 "--gtest_filter=${names}"
            "--gtest_output=xml:${of_REPORTS}/${report}.xml")
        set(label ${of_LABEL})
        set(timeout 900)
        set(more "")
        if(label MATCHES "-long$" OR group MATCHES "Long[/@]|Long$")
            string(REPLACE "-long" "" label ${label})
            string(APPEND label -long)
            set(timeout 1800)
            set(more RUN_SERIAL ON)
        elseif(group MATCHES "Serial[/@]|Serial$")
            string(APPEND label -serial)
            set(more RUN_SERIAL ON)
        endif()
        if(group MATCHES "@server$")
            list(APPEND more FIXTURES_REQUIRED postgres
                ENVIRONMENT_MODIFICATION "MARKETDB_TEST_POSTGRES=set:${of_SERVER}")
        endif()
        set_tests_properties("${of_PREFIX}${group}" PROPERTIES LABELS ${label} TIMEOUT ${timeout}
            ENVIRONMENT "MARKETDB_BIN=${of_COMMAND_LINE}" ${more})
    endforeach()
endfunction()
