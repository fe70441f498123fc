// SPDX-License-Identifier: GPL-2.0-only
/*
 * Text of strangers on its way to a terminal and into JSON, and addresses as they
 * are shown.
 */
#include <stdlib.h>
#include <string.h>

#include "../../user/glassctl/output.h"
#include "../../user/glassctl/shown.h"
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

static void test_shown(void)
{
	static const uint32_t with[] = { GLASSRAM_EVENT_MAP, GLASSRAM_EVENT_UNMAP,
					 GLASSRAM_EVENT_REMOVE, GLASSRAM_EVENT_REFUSED,
					 GLASSRAM_EVENT_HIT, GLASSRAM_EVENT_REMAP };
	const uint64_t low = 0x1000, high = 0x7ffffffff123;
	struct glassctl_options options = { 0 };
	unsigned int moved = 0, bare = 0;
	uint64_t first;

	tap_check(!shown_begin(&options) && shown_address(high) == high,
		  "addresses are shown as they are");
	options.config.security.anonymise = true;
	tap_check(!shown_begin(&options) && shown_address(low) != low &&
		  shown_address(high) - shown_address(low) == high - low &&
		  shown_address(high) % 4096 == high % 4096 && shown_address(high) < 1ULL << 53,
		  "or all moved by the same number of pages");
	for (uint32_t type = 0; type < GLASSRAM_EVENT_NR; type++) {
		struct glassram_event event = { .type = type, .address = low, .length = 1,
						.value = high };

		shown_event(&event);
		bare += event.address == low && event.value == high && event.length == 1;
		for (size_t i = 0; i < sizeof(with) / sizeof(*with); i++)
			moved += type == with[i] && event.address == shown_address(low) &&
				 (event.value == shown_address(high)) ==
					 (type == GLASSRAM_EVENT_REMAP);
	}
	tap_check(moved == 6 && bare == GLASSRAM_EVENT_NR - 6,
		  "in every type of event that has one, and in no other");
	first = shown_address(low);
	tap_check(!shown_begin(&options) && shown_address(low) != first,
		  "each run by another number");
}

int main(void)
{
	test_shown();
	test_printable();
	test_all_bytes();
	test_bytes();
	return tap_end();
}
