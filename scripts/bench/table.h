/* scripts/bench/table.h - prints the figures of runs side by side, and what is wrong with them.
 *
 * Thread: any.
 */
#ifndef BF_BENCH_TABLE_H
#define BF_BENCH_TABLE_H

#include "core/base/json.h"

/* One column for each of `runs` (an array of what bench_scenario_report makes). */
void bench_table_print(const struct bf_json *runs);

#endif
