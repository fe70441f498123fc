// SPDX-License-Identifier: GPL-2.0
/*
 * The command line of glassview: what is accepted, and that every refusal is
 * one line that names what is wrong.
 */
#include "options.h"

#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "view_capture.h"

#define WORDS_MAX 12

/* Parse a line of words; the words live until the next call. */
static int parse(const char *line, struct options *ret_options)
{
	static char copy[256];
	char *words[WORDS_MAX] = { "glassview" };
	static char *kept[WORDS_MAX];
	int count = 1, err;
	char *word;

	snprintf(copy, sizeof(copy), "%s", line);
	for (word = strtok(copy, " "); word && count < WORDS_MAX - 1; word = strtok(NULL, " "))
		words[count++] = word;
	/* The command of the result points into the words. */
	memcpy(kept, words, sizeof(kept));
	capture_begin();
	err = options_parse(count, kept, ret_options);
	capture_end();
	return err;
}

static void test_good(void)
{
	struct options o;

	tap_check(!parse("4711", &o) && o.pid == 4711 && !o.command, "a pid");
	tap_check(!parse("4711 --seconds 2.5", &o) && o.pid == 4711 && o.seconds == 2.5,
		  "options behind the pid");
	tap_check(!parse("", &o) && !o.pid && !o.command && o.rung == MAPPER_AUTO,
		  "nothing at all");
	tap_check(!parse("--headless a.png --size 800x600 7", &o) && !strcmp(o.headless, "a.png") &&
		  o.width == 800 && o.height == 600, "a file and its size");
	tap_check(!parse("--kms --frames 3 7", &o) && o.kms && !o.kms_device && o.pid == 7,
		  "a display");
	tap_check(!parse("--kms=/dev/dri/card1 7", &o) && o.kms &&
		  !strcmp(o.kms_device, "/dev/dri/card1"), "a display by name");
	tap_check(!parse("--kms /dev/dri/card1 7", &o) && o.kms && o.pid == 7 &&
		  !strcmp(o.kms_device, "/dev/dri/card1"), "a display as the next word");
	tap_check(!parse("--import upload --rate 1000 7", &o) && o.rung == MAPPER_UPLOAD &&
		  o.rate_hz == 1000, "rung and rate");
	tap_check(!parse("--freeze -- ls -l --frames 0", &o) && o.freeze && o.command &&
		  !strcmp(o.command[0], "ls") && !strcmp(o.command[2], "--frames") && !o.frames,
		  "the options of a command are its own");
	tap_check(!parse("--follow 7", &o) && o.follow && o.pid == 7, "following");
	tap_check(!parse("-- 42", &o) && !o.pid && !strcmp(o.command[0], "42"),
		  "a command may look like a pid");
}

/* Settings: options, files, and which of them wins. */
static void test_settings(void)
{
	char path[] = "/tmp/glassview-config-XXXXXX", line[128];
	struct options o;
	FILE *file = fdopen(mkstemp(path), "w");

	fputs("look = age\nglow = off\nscanout = off\n", file);
	fclose(file);
	tap_check(!parse("7", &o) && !strcmp(o.config.view.look, "heat") && o.config.view.glow &&
		  o.config.view.scanout && o.config.hilbert.adaptive, "settings have defaults");
	tap_check(!parse("--look thread --glow off --hilbert-max 7 7", &o) &&
		  !strcmp(o.config.view.look, "thread") && !o.config.view.glow &&
		  o.config.hilbert.max == 7 && o.pid == 7, "settings as options");
	tap_check(!parse("--hilbert-adaptive off --hilbert-order=3 7", &o) &&
		  o.config.hilbert.order == 3, "a fixed order");
	snprintf(line, sizeof(line), "--look heat --config %s 7", path);
	tap_check(!parse(line, &o) && !strcmp(o.config.view.look, "heat") && !o.config.view.glow,
		  "the command line wins over a file, setting by setting");
	snprintf(line, sizeof(line), "--config %s --kms 7", path);
	tap_check(!parse(line, &o) && o.kms && !o.config.view.scanout,
		  "a display may be asked for though a file says scanout = off");
	file = fopen(path, "w");
	fputs("\nglow = dim\n", file);
	fclose(file);
	snprintf(line, sizeof(line), "--config %s 7", path);
	tap_check(parse(line, &o) == -1 && captured_line(path) && captured_line(":2: glow takes"),
		  "a mistake in a file is told with its line");
	unlink(path);
}

static void test_bad(void)
{
	static const struct {
		const char *line;
		const char *named;
	} bad[] = {
		{ "--size 10x10", "'10x10'" },
		{ "--size 800", "'800'" },
		{ "--size 800x", "'800x'" },
		{ "--size -800x600", "'-800x600'" },
		{ "--size 99999999999999999999x600", "--size" },
		{ "--seconds 0", "'0'" },
		{ "--seconds nan", "'nan'" },
		{ "--seconds inf", "'inf'" },
		{ "--seconds 5x", "'5x'" },
		{ "--frames 0", "'0'" },
		{ "--frames -1", "'-1'" },
		{ "--frames", "--frames needs a value" },
		{ "--rate 0", "'0'" },
		{ "--rate 1001", "1 to 1000" },
		{ "--import best", "'best'" },
		{ "--terminal=1", "--terminal takes no value" },
		{ "--nonsense", "'--nonsense'" },
		{ "-z", "'-z'" },
		{ "0", "'0'" },
		{ "12x", "'12x'" },
		{ "99999999999", "'99999999999'" },
		{ "1 2", "'2'" },
		{ "--", "no command" },
		{ "12 -- ls", "'12'" },
		{ "--synthetic 12", "PID" },
		{ "--synthetic -- ls", "command" },
		{ "--synthetic --policy a", "--policy" },
		{ "--synthetic --follow", "--follow" },
		{ "--follow=1 7", "--follow takes no value" },
		{ "--config /no/such 7", "/no/such" },
		{ "--config", "--config needs a value" },
		{ "--look", "--look needs a value" },
		{ "--look ../heat 7", "--look takes heat, thread, age" },
		{ "--palette rainbow 7", "--palette takes dusk" },
		{ "--glow 7 7", "--glow takes on or off" },
		{ "--hilbert-max 13 7", "1 to 12" },
		{ "--hilbert-max 3 7", "hilbert-min 4 (default) is above" },
		{ "--hilbert-order 6 7", "hilbert-adaptive" },
		{ "--animation on 7", "--animation has no effect" },
		{ "--sampling-rate 0.1 7", "--sampling-rate has no effect" },
		{ "--sandbox on 7", "--sandbox has no effect" },
		{ "--anonymise on 7", "--anonymise has no effect on pictures" },
		{ "--kms --scanout off 7", "leave one of them out" },
	};
	struct options o, before;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		memset(&o, 0x5a, sizeof(o));
		before = o;
		tap_check(parse(bad[i].line, &o) == -1 && captured_line(bad[i].named) &&
			  !memcmp(&o, &before, sizeof(o)),
			  "refused: %s", bad[i].line);
	}
}

int main(void)
{
	/* Nothing of whoever runs this. */
	setenv("XDG_CONFIG_HOME", "/nowhere", 1);
	test_good();
	test_settings();
	test_bad();
	return tap_end();
}
