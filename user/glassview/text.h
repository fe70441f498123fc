/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Text: one font, rasterised into one 8-bit atlas. Knows nothing of GL, so that
 * whatever is written can be measured in a test.
 */
#ifndef GLASSVIEW_TEXT_H
#define GLASSVIEW_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEXT_ATLAS_SIZE 2048

/**
 * struct text_glyph - one character at one size
 * @x, @y, @width, @height: its place in the atlas, texels
 * @left, @top: from the pen to the left edge, from the baseline up to the top
 * @advance: pixels to the next pen position; equal for all digits
 */
struct text_glyph {
	uint32_t codepoint;
	uint16_t size;
	uint16_t x, y, width, height;
	int16_t left, top, advance;
};

/**
 * struct text_patch - a piece of the atlas that is not a character
 * The texel at (@x, @y) to (@x + @width, @y + @height).
 */
struct text_patch {
	uint16_t x, y, width, height;
};

struct text;

/**
 * text_create() - load the font
 * The file named by GLASSVIEW_FONT, else the first that exists of the places
 * where distributions put their sans serif.
 * Return: NULL with a one-line message printed.
 */
struct text *text_create(void);
void text_destroy(struct text *text);

/**
 * text_glyph() - a character, rasterised at the first call
 * @size: pixels of the em square
 * Return: never NULL; a character that the font lacks, or that finds the atlas
 * full, is an empty one of the width of a space.
 */
const struct text_glyph *text_glyph(struct text *text, int size, uint32_t codepoint);

/**
 * text_next() - decode one character of UTF-8
 * @cursor: moved past it; malformed bytes give U+FFFD one by one
 * Return: 0 at the end of the string.
 */
uint32_t text_next(const char **cursor);

/**
 * text_width() - pixels from the first pen position to the last
 */
int text_width(struct text *text, int size, const char *string);

/**
 * text_fit() - shorten a string to a width
 * @ret_string: @string, or its beginning with an ellipsis; "" if not even that fits
 */
void text_fit(struct text *text, int size, const char *string, int width, char *ret_string,
	      size_t capacity);

/**
 * text_ascent() / text_descent() - from the baseline, both positive, pixels
 */
int text_ascent(struct text *text, int size);
int text_descent(struct text *text, int size);

/**
 * text_white() - a patch of full coverage, for rectangles
 */
struct text_patch text_white(const struct text *text);

/**
 * text_coverage() - the atlas: TEXT_ATLAS_SIZE squared bytes of coverage
 */
const uint8_t *text_coverage(const struct text *text);

/**
 * text_atlas() - the same, for who keeps a copy of it
 * @ret_changed: whether it differs from the last call
 */
const uint8_t *text_atlas(struct text *text, bool *ret_changed);

#endif
