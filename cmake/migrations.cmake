# SQL files into the binary: a folder of YYYYMMDDTHHMMSS_name.sql becomes a table of struct bf_migration (storage/migration.h), in order.
#
#   include(cmake/migrations.cmake)
#   bf_migrations(bf_sqlite_migrations FOLDER ${PROJECT_SOURCE_DIR}/storage/migrations/sqlite)
#
# makes a library of that name and, in it, bf_sqlite_migrations[] and bf_sqlite_migration_count.
# The same file is the script that the build runs: cmake -DNAME= -DFOLDER= -DOUT= -P migrations.cmake

if(NOT CMAKE_SCRIPT_MODE_FILE)
  set(BF_MIGRATIONS_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

  function(bf_migrations name)
    cmake_parse_arguments(arg "" "FOLDER" "" ${ARGN})
    set(out ${CMAKE_CURRENT_BINARY_DIR}/${name}.c)
    file(GLOB files CONFIGURE_DEPENDS ${arg_FOLDER}/*.sql)
    add_custom_command(
      OUTPUT ${out}
      DEPENDS ${BF_MIGRATIONS_SCRIPT} ${files}
      COMMAND ${CMAKE_COMMAND} -DNAME=${name} -DFOLDER=${arg_FOLDER} -DOUT=${out} -P ${BF_MIGRATIONS_SCRIPT}
      COMMENT "Embedding ${arg_FOLDER}"
      VERBATIM)
    bf_library(${name} SOURCES ${out} LINK bf_base)
  endfunction()
  return()
endif()

cmake_policy(VERSION 3.25)

string(REPEAT "[0-9]" 8 date)
string(REPEAT "[0-9]" 6 time)
set(symbols "")
set(rows "")
set(count 0)
file(GLOB files RELATIVE "${FOLDER}" "${FOLDER}/*.sql")
list(SORT files)
foreach(file ${files})
  if(NOT file MATCHES "^${date}T${time}_[a-z0-9_]+\\.sql$")
    message(FATAL_ERROR "${FOLDER}/${file} is not called YYYYMMDDTHHMMSS_name.sql")
  endif()
  file(SHA256 "${FOLDER}/${file}" hash)
  string(REGEX REPLACE "\\.sql$" "" name "${file}")
  string(APPEND symbols "EMBED(${NAME}_text_${count}, \"${FOLDER}/${file}\") /* ${hash} */\n")
  string(APPEND rows "\t{\"${name}\", \"${hash}\", ${NAME}_text_${count}},\n")
  math(EXPR count "${count} + 1")
endforeach()

string(REGEX REPLACE "s$" "" singular "${NAME}")
file(WRITE "${OUT}" "/* Made by cmake/migrations.cmake from a folder of files. */
#include \"storage/migration.h\"

#define EMBED(symbol, file) \\
\textern const char symbol[]; \\
\t__asm__(\".pushsection .rodata\\n.global \" #symbol \"\\n\" #symbol \":\\n.incbin \\\"\" file \"\\\"\\n.byte 0\\n.popsection\\n\");

${symbols}
const struct bf_migration ${NAME}[] = {
${rows}\t{0},
};
const size_t ${singular}_count = ${count};
")
