// SPDX-License-Identifier: GPL-2.0-only
/*
 * Text of strangers on its way to a terminal and into JSON.
 */
#include <stdlib.h>
#include <string.h>

#include "../../user/glassctl/output.h"
#include "tap.h"

static const struct {
	const char *what;
	const char *text;
	const char *shown;
} texts[] = {
	{ "plain", "/usr/bin/python3.13", "/usr/bin/python3.13" },
	{ "empty", "", "" },
	{ "UTF-8 of two, three and four bytes", "h\xc3\xa4user \xe2\x82\xac \xf0\x9f\x94\xac",
	  "h\xc3\xa4user \xe2\x82\xac \xf0\x9f\x94\xac" },
	{ "an escape sequence", "a\033[31mb", "a\\x1b[31mb" },
	{ "a newline", "a\nb", "a\\x0ab" },
	{ "delete", "\x7f", "\\x7f" },
	{ "a C1 control", "\xc2\x9b" "31m", "\\xc2\\x9b31m" },
	{ "a lone continuation", "a\x80z", "a\\x80z" },
	{ "a cut sequence", "a\xe2\x82", "a\\xe2\\x82" },
	{ "an overlong slash", "\xc0\xaf", "\\xc0\\xaf" },
	{ "an overlong sequence of three", "\xe0\x80\xaf", "\\xe0\\x80\\xaf" },
	{ "a surrogate", "\xed\xa0\x80", "\\xed\\xa0\\x80" },
	{ "beyond Unicode", "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" },
	{ "Latin-1", "\xe4\xf6\xfc", "\\xe4\\xf6\\xfc" },
};

static void test_printable(void)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char *shown = printable(texts[i].text);
		json_t *string = json_text(texts[i].text);

		tap_check(!strcmp(shown, texts[i].shown), "%s, on a terminal", texts[i].what);
		tap_check(string && !strcmp(json_string_value(string), texts[i].shown),
			  "%s, in JSON", texts[i].what);
		json_decref(string);
		free(shown);
	}
}

/* Every sequence of up to two bytes gives a JSON string. */
static void test_all_bytes(void)
{
	unsigned int refused = 0;

	for (int first = 1; first < 256; first++)
		for (int second = 0; second < 256; second++) {
			char text[] = { (char)first, (char)second, '\0' };
			json_t *string = json_text(text);

			refused += !string;
			json_decref(string);
		}
	tap_check(!refused, "any two bytes make a JSON string");
}

static void test_bytes(void)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{ 0, "0 KiB" },
		{ 4096, "4 KiB" },
		{ 1 << 20, "1.0 MiB" },
		{ 1ULL << 40, "1.0 TiB" },
		{ UINT64_MAX, "16384.0 PiB" },
	};
	char buffer[BYTES_TEXT];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		tap_check(!strcmp(bytes_text(cases[i].bytes, buffer), cases[i].text), "%s",
			  cases[i].text);
}

int main(void)
{
	test_printable();
	test_all_bytes();
	test_bytes();
	return tap_end();
}
