// SPDX-License-Identifier: GPL-2.0
/*
 * Every colour of the picture, computed rather than copied.
 *
 * The rate scale is a path through CIELAB: lightness rises in even steps from
 * violet over magenta and orange to a pale yellow, and where sRGB cannot show a
 * point, its chroma is taken back until it can. tests/unit/test_palette.c holds
 * what that has to give: rising lightness, steps that can be told apart also by
 * eyes without red or green cones, and readable text.
 *
 * Weak: colours are mixed (fading, plates) in sRGB codes, not in light. That is
 * cheap, the same on every rung and every renderer, and what the test checks.
 */
#include "palette.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

const struct palette_color palette_ground = { 9, 10, 14, 255 };
const struct palette_color palette_unwritten = { 46, 50, 52, 255 };
const struct palette_color palette_outline = { 122, 134, 154, 255 };
const struct palette_color palette_plate = { 9, 10, 14, 205 };
const struct palette_color palette_text = { 236, 239, 244, 255 };
const struct palette_color palette_dim = { 156, 166, 184, 255 };
const struct palette_color palette_amber = { 255, 184, 76, 255 };
const struct palette_color palette_bar = { 104, 152, 232, 255 };
const struct palette_color palette_trough = { 26, 29, 37, 255 };
const struct palette_color palette_fork = { 112, 208, 128, 255 };
const struct palette_color palette_exec = { 92, 214, 226, 255 };
const struct palette_color palette_exit = { 242, 112, 138, 255 };

/* Stations of the path: lightness is linear between the ends, these give the hue. */
static const struct {
	double t;
	double a, b;
} stations[] = {
	{ 0.00, 28.0, -54.0 }, /* violet */
	{ 0.26, 48.0, -36.0 },
	{ 0.52, 54.0, 8.0 }, /* red */
	{ 0.76, 26.0, 58.0 }, /* orange */
	{ 1.00, -6.0, 44.0 }, /* pale yellow */
};
#define NR_STATIONS (sizeof(stations) / sizeof(*stations))
#define LIGHTNESS_LOW 36.0
#define LIGHTNESS_HIGH 97.0

static double lab_inverse(double f)
{
	return f > 6.0 / 29 ? f * f * f : (f - 4.0 / 29) * 3 * (6.0 / 29) * (6.0 / 29);
}

/* CIELAB (D65) to linear sRGB, unclamped. */
static void lab_to_linear(double l, double a, double b, double ret_rgb[static 3])
{
	double fy = (l + 16) / 116;
	double x = 0.95047 * lab_inverse(fy + a / 500);
	double y = lab_inverse(fy);
	double z = 1.08883 * lab_inverse(fy - b / 200);

	ret_rgb[0] = 3.2404542 * x - 1.5371385 * y - 0.4985314 * z;
	ret_rgb[1] = -0.9692660 * x + 1.8760108 * y + 0.0415560 * z;
	ret_rgb[2] = 0.0556434 * x - 0.2040259 * y + 1.0572252 * z;
}

static uint8_t encode(double linear)
{
	double v = linear <= 0.0031308 ? 12.92 * linear : 1.055 * pow(linear, 1 / 2.4) - 0.055;

	return (uint8_t)lround(fmin(fmax(v, 0), 1) * 255);
}

static bool in_gamut(const double rgb[static 3])
{
	for (int i = 0; i < 3; i++)
		if (rgb[i] < -1e-4 || rgb[i] > 1 + 1e-4)
			return false;
	return true;
}

static struct palette_color from_lab(double l, double a, double b)
{
	double rgb[3];
	double chroma = 1;

	lab_to_linear(l, a, b, rgb);
	while (!in_gamut(rgb) && chroma > 0) {
		chroma -= 1.0 / 128;
		lab_to_linear(l, a * chroma, b * chroma, rgb);
	}
	return (struct palette_color){ encode(rgb[0]), encode(rgb[1]), encode(rgb[2]), 255 };
}

void palette_fill(struct palette_color ret_table[static PALETTE_ENTRIES])
{
	size_t s = 0;

	for (int i = 0; i < PALETTE_ENTRIES; i++) {
		double t = (double)i / (PALETTE_ENTRIES - 1);
		double u;

		while (s + 2 < NR_STATIONS && t > stations[s + 1].t)
			s++;
		u = (t - stations[s].t) / (stations[s + 1].t - stations[s].t);
		ret_table[i] = from_lab(LIGHTNESS_LOW + t * (LIGHTNESS_HIGH - LIGHTNESS_LOW),
					stations[s].a + u * (stations[s + 1].a - stations[s].a),
					stations[s].b + u * (stations[s + 1].b - stations[s].b));
	}
}

double palette_rate_high(uint32_t rate_hz)
{
	return rate_hz > 1 ? rate_hz : 1;
}

struct palette_color palette_thread(uint32_t slot)
{
	/* The golden angle keeps any number of successive slots apart. */
	double hue = slot * 2.399963229728653;
	double l = slot % 2 ? 66 : 78;

	return from_lab(l, 55 * cos(hue), 55 * sin(hue));
}
