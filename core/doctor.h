/* core/doctor.h - looks at the machine and the configuration, and says in plain words what would get in the way.
 *
 * Thread: main, with no server of ours running in this process.
 */
#ifndef BF_CORE_DOCTOR_H
#define BF_CORE_DOCTOR_H

#include "core/base/conf.h"

#include <stdio.h>

/* Prints one line a finding, with advice under those that need something. Returns how many are errors: 0 means that `belfry run`
 * will start, and that nothing is known which would keep clients away. */
int bf_doctor_run(const struct bf_conf *conf, FILE *out);

#endif
