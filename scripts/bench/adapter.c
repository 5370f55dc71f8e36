#include "scripts/bench/adapter.h"

const struct bench_adapter *bench_adapter_find(const char *name)
{
	static const struct bench_adapter *const all[] = {
		&bench_adapter_whip, &bench_adapter_belfry, &bench_adapter_janus};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(all[i]->name, name) == 0)
			return all[i];
	return NULL;
}
