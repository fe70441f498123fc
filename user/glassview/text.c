// SPDX-License-Identifier: GPL-2.0
/*
 * Text with FreeType: glyphs are rasterised once for each size and kept in an
 * atlas of coverage values, packed in rows.
 *
 * Digits get one common advance, so that figures keep their places in any font.
 *
 * Weak: no shaping, no right-to-left, no fallback fonts: names of processes and
 * files in other scripts than the font's show as gaps. The atlas is never
 * emptied; at the handful of sizes that one picture uses it holds some 3,000
 * glyphs.
 */
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ft2build.h>
#include FT_FREETYPE_H

#define BUCKETS 1024
#define MAX_GLYPHS 4096
/* Empty texels around everything: rounding must not reach a neighbour. */
#define GAP 1
#define WHITE_SIZE 4

static const char *const candidates[] = {
	"/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
	"/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf",
	"/usr/share/fonts/dejavu/DejaVuSans.ttf",
	"/usr/share/fonts/TTF/DejaVuSans.ttf",
	"/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf",
	"/usr/share/fonts/google-noto/NotoSans-Regular.ttf",
	"/usr/share/fonts/noto/NotoSans-Regular.ttf",
	"/usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf",
	"/usr/share/fonts/truetype/liberation2/LiberationSans-Regular.ttf",
	"/usr/share/fonts/liberation-sans/LiberationSans-Regular.ttf",
	"/usr/share/fonts/truetype/freefont/FreeSans.ttf",
};

struct text {
	FT_Library library;
	FT_Face face;
	int face_size;
	struct text_glyph glyphs[MAX_GLYPHS];
	uint16_t chain[MAX_GLYPHS]; /* index + 1 of the next of the same bucket */
	uint16_t bucket[BUCKETS]; /* index + 1 of the first */
	uint32_t nr_glyphs;
	uint16_t row_x, row_y, row_height;
	struct text_patch white;
	bool changed;
	uint8_t atlas[TEXT_ATLAS_SIZE * TEXT_ATLAS_SIZE];
};

/* Room for @width x @height texels; false if the atlas is full. */
static bool reserve(struct text *text, int width, int height, struct text_patch *ret_patch)
{
	if (text->row_x + width + GAP > TEXT_ATLAS_SIZE) {
		text->row_y += text->row_height;
		text->row_x = GAP;
		text->row_height = 0;
	}
	if (width + 2 * GAP > TEXT_ATLAS_SIZE || text->row_y + height + GAP > TEXT_ATLAS_SIZE)
		return false;
	*ret_patch = (struct text_patch){ text->row_x, text->row_y, (uint16_t)width,
					  (uint16_t)height };
	text->row_x += width + GAP;
	if (height + GAP > text->row_height)
		text->row_height = (uint16_t)(height + GAP);
	text->changed = true;
	return true;
}

static uint8_t *texel(struct text *text, struct text_patch patch, int x, int y)
{
	return &text->atlas[(size_t)(patch.y + y) * TEXT_ATLAS_SIZE + (size_t)(patch.x + x)];
}

static void draw_white(struct text *text)
{
	reserve(text, WHITE_SIZE, WHITE_SIZE, &text->white);
	for (int y = 0; y < WHITE_SIZE; y++)
		memset(texel(text, text->white, 0, y), 255, WHITE_SIZE);
}

static const char *find_font(void)
{
	const char *chosen = getenv("GLASSVIEW_FONT");

	if (chosen && *chosen)
		return chosen;
	for (size_t i = 0; i < sizeof(candidates) / sizeof(*candidates); i++)
		if (!access(candidates[i], R_OK))
			return candidates[i];
	return NULL;
}

struct text *text_create(void)
{
	const char *path = find_font();
	struct text *text;

	if (!path) {
		fprintf(stderr, "glassview: no font found: apt install fonts-dejavu-core, "
				"or name a font file in GLASSVIEW_FONT\n");
		return NULL;
	}
	text = calloc(1, sizeof(*text));
	if (!text) {
		fprintf(stderr, "glassview: out of memory\n");
		return NULL;
	}
	if (FT_Init_FreeType(&text->library)) {
		fprintf(stderr, "glassview: FreeType does not start: reinstall libfreetype6\n");
		goto err_free;
	}
	if (FT_New_Face(text->library, path, 0, &text->face)) {
		fprintf(stderr, "glassview: '%s' is no font that FreeType can read: "
				"apt install fonts-dejavu-core, or set GLASSVIEW_FONT\n", path);
		goto err_library;
	}
	text->row_x = GAP;
	text->row_y = GAP;
	draw_white(text);
	return text;

err_library:
	FT_Done_FreeType(text->library);
err_free:
	free(text);
	return NULL;
}

void text_destroy(struct text *text)
{
	if (!text)
		return;
	FT_Done_Face(text->face);
	FT_Done_FreeType(text->library);
	free(text);
}

static void set_size(struct text *text, int size)
{
	if (text->face_size == size)
		return;
	FT_Set_Pixel_Sizes(text->face, 0, (FT_UInt)size);
	text->face_size = size;
}

static int load(struct text *text, int size, uint32_t codepoint, int flags)
{
	FT_UInt index = FT_Get_Char_Index(text->face, codepoint);

	set_size(text, size);
	return index && !FT_Load_Glyph(text->face, index, flags) ? 0 : -1;
}

static int measure(struct text *text, int size, uint32_t codepoint)
{
	if (load(text, size, codepoint, FT_LOAD_TARGET_LIGHT))
		return size / 3;
	return (int)((text->face->glyph->advance.x + 32) >> 6);
}

static int advance_of(struct text *text, int size, uint32_t codepoint)
{
	int widest = 0;

	if (codepoint < '0' || codepoint > '9')
		return measure(text, size, codepoint);
	for (uint32_t digit = '0'; digit <= '9'; digit++) {
		int advance = measure(text, size, digit);

		if (advance > widest)
			widest = advance;
	}
	return widest;
}

static void rasterise(struct text *text, struct text_glyph *glyph)
{
	FT_GlyphSlot slot = text->face->glyph;
	struct text_patch patch;
	int natural = measure(text, glyph->size, glyph->codepoint);

	glyph->advance = (int16_t)advance_of(text, glyph->size, glyph->codepoint);
	if (load(text, glyph->size, glyph->codepoint, FT_LOAD_RENDER | FT_LOAD_TARGET_LIGHT) ||
	    slot->bitmap.pixel_mode != FT_PIXEL_MODE_GRAY ||
	    !reserve(text, (int)slot->bitmap.width, (int)slot->bitmap.rows, &patch)) {
		glyph->advance = (int16_t)measure(text, glyph->size, ' ');
		return;
	}
	for (unsigned int y = 0; y < slot->bitmap.rows; y++)
		memcpy(texel(text, patch, 0, (int)y),
		       slot->bitmap.buffer + (ptrdiff_t)y * slot->bitmap.pitch,
		       slot->bitmap.width);
	glyph->x = patch.x;
	glyph->y = patch.y;
	glyph->width = patch.width;
	glyph->height = patch.height;
	/* A digit narrower than the widest stands in the middle of its place. */
	glyph->left = (int16_t)(slot->bitmap_left + (glyph->advance - natural) / 2);
	glyph->top = (int16_t)slot->bitmap_top;
}

const struct text_glyph *text_glyph(struct text *text, int size, uint32_t codepoint)
{
	uint32_t hash = (codepoint * 31 + (uint32_t)size) % BUCKETS;
	struct text_glyph *glyph;

	for (uint16_t i = text->bucket[hash]; i; i = text->chain[i - 1]) {
		glyph = &text->glyphs[i - 1];
		if (glyph->codepoint == codepoint && glyph->size == size)
			return glyph;
	}
	if (text->nr_glyphs == MAX_GLYPHS) {
		/* Full: the first glyph there is, a space, stands for all others. */
		return &text->glyphs[0];
	}
	if (!text->nr_glyphs && codepoint != ' ')
		text_glyph(text, size, ' ');
	glyph = &text->glyphs[text->nr_glyphs];
	*glyph = (struct text_glyph){ .codepoint = codepoint, .size = (uint16_t)size };
	rasterise(text, glyph);
	text->chain[text->nr_glyphs] = text->bucket[hash];
	text->bucket[hash] = (uint16_t)++text->nr_glyphs;
	return glyph;
}

uint32_t text_next(const char **cursor)
{
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	const unsigned char *s = (const unsigned char *)*cursor;
	uint32_t c = s[0];
	int more = c < 0x80 ? 0 : (c & 0xe0) == 0xc0 ? 1 : (c & 0xf0) == 0xe0 ? 2 :
		   (c & 0xf8) == 0xf0 ? 3 : -1;

	if (!c)
		return 0;
	*cursor += 1;
	if (more < 0)
		return 0xfffd;
	if (more)
		c &= 0x3fU >> more;
	for (int i = 1; i <= more; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0xfffd;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[more] || c > 0x10ffff)
		return 0xfffd;
	*cursor += more;
	return c < 0x20 || c == 0x7f ? 0xfffd : c;
}

int text_width(struct text *text, int size, const char *string)
{
	int width = 0;

	for (uint32_t c; (c = text_next(&string));)
		width += text_glyph(text, size, c)->advance;
	return width;
}

void text_fit(struct text *text, int size, const char *string, int width, char *ret_string,
	      size_t capacity)
{
	const uint32_t ellipsis = 0x2026;
	int room = width - text_glyph(text, size, ellipsis)->advance;
	const char *cursor = string;
	size_t keep = 0;
	int used = 0;

	ret_string[0] = '\0';
	if (text_width(text, size, string) <= width && strlen(string) < capacity) {
		memcpy(ret_string, string, strlen(string) + 1);
		return;
	}
	if (room < 0 || capacity < 4)
		return;
	for (uint32_t c; (c = text_next(&cursor));) {
		used += text_glyph(text, size, c)->advance;
		if (used > room || (size_t)(cursor - string) + 4 > capacity)
			break;
		keep = (size_t)(cursor - string);
	}
	if (!keep)
		return;
	memcpy(ret_string, string, keep);
	memcpy(ret_string + keep, "\u2026", 4);
}

int text_ascent(struct text *text, int size)
{
	set_size(text, size);
	return (int)((text->face->size->metrics.ascender + 63) >> 6);
}

int text_descent(struct text *text, int size)
{
	set_size(text, size);
	return (int)((-text->face->size->metrics.descender + 63) >> 6);
}

struct text_patch text_white(const struct text *text)
{
	/* The inside: its edge texels border on empty ones. */
	return (struct text_patch){ (uint16_t)(text->white.x + 1), (uint16_t)(text->white.y + 1),
				    WHITE_SIZE - 2, WHITE_SIZE - 2 };
}

const uint8_t *text_coverage(const struct text *text)
{
	return text->atlas;
}

const uint8_t *text_atlas(struct text *text, bool *ret_changed)
{
	*ret_changed = text->changed;
	text->changed = false;
	return text->atlas;
}
