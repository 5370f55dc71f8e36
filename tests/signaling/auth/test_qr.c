#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "signaling/auth/qr.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* As a phone's camera sees it. */
static void scan(const char *svg, char *out, size_t size)
{
	char path[] = "/tmp/belfry-qr-XXXXXX", command[256];
	int fd = mkstemp(path);
	FILE *tool;
	size_t len;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, svg, strlen(svg)), strlen(svg));
	close(fd);
	snprintf(command, sizeof(command),
		"rsvg-convert -w 600 %s -o %s.png && zbarimg -q --raw %s.png 2>/dev/null", path,
		path, path);
	tool = popen(command, "r");
	assert_non_null(tool);
	len = fread(out, 1, size - 1, tool);
	out[len] = '\0';
	assert_int_equal(pclose(tool), 0);
	snprintf(command, sizeof(command), "%s.png", path);
	unlink(command);
	unlink(path);
}

static void a_camera_reads_the_text(void **state)
{
	static const char uri[] = "otpauth://totp/A%20%26%20B:%C3%A4nn%40x.org"
				  "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=A%20%26%20B";
	char seen[512], *svg;

	(void)state;
	assert_int_equal(bf_qr_svg(&svg, bf_bytes_str(uri)), 0);
	assert_null(strstr(svg, "style"));
	assert_null(strstr(svg, "href"));
	scan(svg, seen, sizeof(seen));
	free(svg);
	seen[strcspn(seen, "\n")] = '\0';
	assert_string_equal(seen, uri);
}

static void the_longest_text_fits_and_no_longer(void **state)
{
	uint8_t text[BF_QR_TEXT_MAX + 1];
	char *svg;

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_int_equal(bf_qr_svg(&svg, bf_bytes(text, BF_QR_TEXT_MAX)), 0);
	assert_string_equal(svg + strlen(svg) - 9, "\"/></svg>");
	free(svg);
	assert_int_equal(bf_qr_svg(&svg, bf_bytes(text, BF_QR_TEXT_MAX + 1)), -ENOBUFS);
	assert_int_equal(bf_qr_svg(&svg, bf_bytes(text, 0)), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_camera_reads_the_text),
		cmocka_unit_test(the_longest_text_fits_and_no_longer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
