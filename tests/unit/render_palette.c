// SPDX-License-Identifier: GPL-2.0-only
/*
 * The colours, measured: lightness that rises, steps that can be told apart
 * also by eyes without red or green cones, text that can be read.
 *
 * Dichromats are simulated with the matrices of Vienot, Brettel and Mollon
 * (1999), in linear RGB; differences are CIE76 distances in CIELAB.
 */
#include <math.h>
#include <stdbool.h>

#include "palette.h"
#include "tap.h"

struct lab {
	double l, a, b;
};

static double decode(double v)
{
	v /= 255;
	return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
}

static double lab_f(double t)
{
	return t > pow(6.0 / 29, 3) ? cbrt(t) : t / (3 * 36.0 / 841) + 4.0 / 29;
}

static struct lab lab_of_linear(double r, double g, double b)
{
	double x = lab_f((0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047);
	double y = lab_f(0.2126729 * r + 0.7151522 * g + 0.0721750 * b);
	double z = lab_f((0.0193339 * r + 0.1191920 * g + 0.9503041 * b) / 1.08883);

	return (struct lab){ 116 * y - 16, 500 * (x - y), 200 * (y - z) };
}

enum eyes { TRICHROMAT, PROTANOPE, DEUTERANOPE, NR_EYES };
static const char *const eyes_name[] = { "three cones", "no red cones", "no green cones" };

static struct lab seen(struct palette_color c, enum eyes eyes)
{
	double r = decode(c.r), g = decode(c.g), b = decode(c.b);
	double rg;

	switch (eyes) {
	case PROTANOPE:
		rg = 0.11238 * r + 0.88762 * g;
		return lab_of_linear(rg, rg, fmax(0.00401 * r - 0.00401 * g + b, 0));
	case DEUTERANOPE:
		rg = 0.29275 * r + 0.70725 * g;
		return lab_of_linear(rg, rg, fmax(-0.02234 * r + 0.02234 * g + b, 0));
	default:
		return lab_of_linear(r, g, b);
	}
}

static double difference(struct palette_color a, struct palette_color b, enum eyes eyes)
{
	struct lab la = seen(a, eyes), lb = seen(b, eyes);

	return sqrt(pow(la.l - lb.l, 2) + pow(la.a - lb.a, 2) + pow(la.b - lb.b, 2));
}

static double luminance(struct palette_color c)
{
	return 0.2126 * decode(c.r) + 0.7152 * decode(c.g) + 0.0722 * decode(c.b);
}

/* Contrast ratio of WCAG 2: 1 to 21. */
static double contrast(struct palette_color a, struct palette_color b)
{
	double la = luminance(a), lb = luminance(b);

	return (fmax(la, lb) + 0.05) / (fmin(la, lb) + 0.05);
}

static struct palette_color over(struct palette_color top, struct palette_color below)
{
	double a = top.a / 255.0;

	return (struct palette_color){
		(uint8_t)lround(top.r * a + below.r * (1 - a)),
		(uint8_t)lround(top.g * a + below.g * (1 - a)),
		(uint8_t)lround(top.b * a + below.b * (1 - a)), 255,
	};
}

static struct palette_color faded(struct palette_color c, double brightness)
{
	return (struct palette_color){ (uint8_t)lround(c.r * brightness),
				       (uint8_t)lround(c.g * brightness),
				       (uint8_t)lround(c.b * brightness), 255 };
}

static void test_scale(const struct palette_color *table)
{
	double least_rise = 100, l0 = seen(table[0], TRICHROMAT).l;
	bool falls = false;

	for (int i = 1; i < PALETTE_ENTRIES; i++) {
		double rise = seen(table[i], TRICHROMAT).l - seen(table[i - 1], TRICHROMAT).l;

		falls |= rise < -0.1;
		if (i >= 8)
			least_rise = fmin(least_rise, seen(table[i], TRICHROMAT).l -
						      seen(table[i - 8], TRICHROMAT).l);
	}
	tap_check(!falls, "lightness never falls along the scale");
	tap_check(least_rise > 1, "it rises everywhere: at least 1 L* in 8 entries (%.2f)",
		  least_rise);
	tap_check(seen(table[PALETTE_ENTRIES - 1], TRICHROMAT).l - l0 > 50, "by more than 50 L*");
	for (enum eyes eyes = 0; eyes < NR_EYES; eyes++) {
		double least = 1000;

		for (int i = 0; i < 16; i++)
			for (int j = i + 1; j <= 16; j++)
				least = fmin(least, difference(table[i * 255 / 16],
							       table[j * 255 / 16], eyes));
		tap_check(least > 3.5, "17 steps can be told apart with %s (%.1f)",
			  eyes_name[eyes], least);
	}
}

static void test_states(const struct palette_color *table)
{
	for (enum eyes eyes = 0; eyes < NR_EYES; eyes++) {
		double grey = difference(palette_ground, palette_unwritten, eyes);
		double least = 1000;

		for (int i = 0; i < PALETTE_ENTRIES; i++) {
			for (int fade = 0; fade <= 4; fade++) {
				double b = 1 - (1 - PALETTE_AGE_FLOOR) * fade / 4;
				struct palette_color c = faded(table[i], b);

				least = fmin(least, difference(c, palette_unwritten, eyes));
				least = fmin(least, difference(c, palette_ground, eyes));
			}
		}
		tap_check(grey > 10, "a page never written is no empty slot, with %s (%.1f)",
			  eyes_name[eyes], grey);
		tap_check(least > 10, "a written page is neither of them, however old, with %s (%.1f)",
			  eyes_name[eyes], least);
	}
}

static void test_text(const struct palette_color *table)
{
	double least = 1000;

	for (int i = 0; i < PALETTE_ENTRIES; i++)
		least = fmin(least, contrast(palette_text, over(palette_plate, table[i])));
	tap_check(least >= 4.5, "labels on the map: contrast at least 4.5 on any colour (%.1f)",
		  least);
	tap_check(contrast(palette_text, palette_ground) >= 4.5, "text: at least 4.5");
	tap_check(contrast(palette_dim, palette_ground) >= 4.5, "remarks: at least 4.5 (%.1f)",
		  contrast(palette_dim, palette_ground));
	tap_check(contrast(palette_amber, palette_ground) >= 4.5, "warnings: at least 4.5");
	tap_check(contrast(palette_bar, palette_trough) >= 3, "bars: at least 3");
	tap_check(contrast(palette_fork, palette_trough) >= 4.5 &&
		  contrast(palette_exec, palette_trough) >= 4.5 &&
		  contrast(palette_exit, palette_trough) >= 4.5, "marks: at least 4.5");
}

static void test_threads(void)
{
	double least = 1000;

	for (uint32_t i = 1; i <= 8; i++)
		for (uint32_t j = i + 1; j <= 8; j++)
			least = fmin(least, difference(palette_thread(i), palette_thread(j),
						       TRICHROMAT));
	tap_check(least > 15, "the first eight threads can be told apart (%.1f)", least);
}

int main(void)
{
	struct palette_color table[PALETTE_ENTRIES];

	palette_fill(table);
	test_scale(table);
	test_states(table);
	test_text(table);
	test_threads();
	tap_check(palette_rate_high(10) == 10 && palette_rate_high(0) >= 1,
		  "the bright end of the scale is the arming rate");
	return tap_end();
}
