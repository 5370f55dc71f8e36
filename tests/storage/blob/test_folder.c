#include "tests/storage/blob/blob_fixture.h"
int main(void)
{
	return 0;
}
