# Compiler settings, and the three ways a folder adds to the build: library, test, fuzz target.

option(BELFRY_TESTS "build the tests" ON)
option(BELFRY_FUZZ "build the libFuzzer targets (needs clang)" OFF)
set(BELFRY_TEST_PREFIX "" CACHE STRING "before each test's name, to tell build trees apart in one run of ctest")
option(BELFRY_ONLY_THREADED_TESTS "run, and build by default, only the tests marked THREADED" OFF)
set(BELFRY_SANITIZE "" CACHE STRING "value for -fsanitize=, e.g. address,undefined")

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_EXTENSIONS ON) # accept4, recvmmsg and friends
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g") # no NDEBUG: assert stays on in release builds

find_program(BELFRY_CCACHE ccache)
if(BELFRY_CCACHE AND NOT CMAKE_C_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${BELFRY_CCACHE})
endif()

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

add_compile_definitions(_GNU_SOURCE)
add_compile_options(-Wall -Wextra -Wshadow -Wconversion -Wvla -Wstrict-prototypes -Wmissing-prototypes
                    -Werror -fno-common -fstack-protector-strong)
if(CMAKE_C_COMPILER_ID STREQUAL "Clang")
  # assert(!"what cannot be") is how we say it.
  add_compile_options(-Wno-string-conversion)
endif()
# Members left out are zero: what a route does not say has its default.
add_compile_options(-Wno-missing-field-initializers)
if(BELFRY_SANITIZE)
  add_compile_options(-fsanitize=${BELFRY_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${BELFRY_SANITIZE})
  if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-maybe-uninitialized) # gcc's flow analysis errs under sanitizers
  endif()
endif()

# bf_library(name SOURCES a.c b.c LINK bf_other PkgConfig::X)
function(bf_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${arg_LINK})
  if(BELFRY_FUZZ)
    target_compile_options(${name} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endfunction()

# bf_test(name SOURCES test_x.c LINK bf_x [THREADED] [TIMEOUT seconds])
# THREADED tests also carry the label "threaded": the ones worth running under TSan.
function(bf_test name)
  cmake_parse_arguments(arg "THREADED" "TIMEOUT" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LINK} PkgConfig::CMOCKA)
  target_compile_definitions(${name} PRIVATE BF_TEST_DATA="${PROJECT_SOURCE_DIR}/tests/data")
  if(BELFRY_ONLY_THREADED_TESTS AND NOT arg_THREADED)
    set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL ON)
    return()
  endif()
  set(test ${BELFRY_TEST_PREFIX}${name})
  add_test(NAME ${test} COMMAND ${name})
  set_tests_properties(${test} PROPERTIES LABELS "unit" TIMEOUT 120)
  if(arg_THREADED)
    set_tests_properties(${test} PROPERTIES LABELS "unit;threaded")
  endif()
  if(arg_TIMEOUT)
    set_tests_properties(${test} PROPERTIES TIMEOUT ${arg_TIMEOUT})
  endif()
endfunction()

# bf_fuzz(name SOURCES fuzz_x.c LINK bf_x CORPUS folder): the folder of seeds, absolute or in fuzz/corpus.
# Also a test: a few seconds from the seeds, always with the same random numbers, so that a failure comes from a
# change. scripts/fuzz looks for longer. What is found stays in the build tree.
function(bf_fuzz name)
  cmake_parse_arguments(arg "" "CORPUS" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LINK})
  target_compile_options(${name} PRIVATE -fsanitize=fuzzer-no-link)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  get_filename_component(seeds "${arg_CORPUS}" ABSOLUTE BASE_DIR ${CMAKE_CURRENT_SOURCE_DIR}/corpus)
  set(found ${CMAKE_CURRENT_BINARY_DIR}/found/${name})
  file(MAKE_DIRECTORY ${found})
  add_test(NAME ${BELFRY_TEST_PREFIX}${name}
    COMMAND ${name} -seed=1 -max_total_time=5 -timeout=20 -rss_limit_mb=2048
            -artifact_prefix=${CMAKE_CURRENT_BINARY_DIR}/${name}- ${found} ${seeds})
  set_tests_properties(${BELFRY_TEST_PREFIX}${name} PROPERTIES LABELS "fuzz" TIMEOUT 120)
endfunction()
