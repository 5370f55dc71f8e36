# Compiler settings, and the three ways a folder adds to the build: library, test, fuzz target.

option(BELFRY_TESTS "build the tests" ON)
option(BELFRY_FUZZ "build the libFuzzer targets (needs clang)" OFF)
set(BELFRY_SANITIZE "" CACHE STRING "value for -fsanitize=, e.g. address,undefined")

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_EXTENSIONS ON) # accept4, recvmmsg and friends
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g") # no NDEBUG: assert stays on in release builds

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

add_compile_definitions(_GNU_SOURCE)
add_compile_options(-Wall -Wextra -Wshadow -Wconversion -Wvla -Wstrict-prototypes -Wmissing-prototypes
                    -Werror -fno-common -fstack-protector-strong)
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
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS "unit" TIMEOUT 120)
  if(arg_THREADED)
    set_tests_properties(${name} PROPERTIES LABELS "unit;threaded")
  endif()
  if(arg_TIMEOUT)
    set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT})
  endif()
endfunction()

# bf_fuzz(name SOURCES fuzz_x.c LINK bf_x CORPUS folder)
function(bf_fuzz name)
  cmake_parse_arguments(arg "" "CORPUS" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LINK})
  target_compile_options(${name} PRIVATE -fsanitize=fuzzer-no-link)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  set_property(GLOBAL APPEND PROPERTY BF_FUZZ_TARGETS ${name})
  set_property(GLOBAL APPEND PROPERTY BF_FUZZ_CORPORA ${arg_CORPUS})
endfunction()
