if(NOT TARGET marketdb)
    return()
endif()
include(CMakePackageConfigHelpers)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/marketdb)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/marketdb DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS marketdb EXPORT marketdbTargets)
install(EXPORT marketdbTargets NAMESPACE marketdb:: DESTINATION ${package_folder})

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/marketdbConfig.cmake.in
    ${PROJECT_BINARY_DIR}/marketdbConfig.cmake INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/marketdbConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/marketdbConfig.cmake ${PROJECT_BINARY_DIR}/marketdbConfigVersion.cmake
        DESTINATION ${package_folder})

# A static library leaves its own libraries to the program that links it.
set(MARKETDB_PC_REQUIRES "fmt yaml-cpp libarchive zlib libcrypto sqlite3 libpq")
if(BUILD_SHARED_LIBS)
    set(MARKETDB_PC_PRIVATE "Requires.private: ${MARKETDB_PC_REQUIRES}")
else()
    set(MARKETDB_PC_PRIVATE "Requires: ${MARKETDB_PC_REQUIRES}")
endif()
file(RELATIVE_PATH MARKETDB_PC_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(${PROJECT_SOURCE_DIR}/cmake/marketdb.pc.in ${PROJECT_BINARY_DIR}/marketdb.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/marketdb.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
