/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The coloured cells on the screen, with the outlines of regions. Knows nothing
 * of counters.
 *
 * Cells keep sharp edges at any scale: only the pixel across which an edge runs
 * is mixed, and with a whole number of pixels for each cell there is none.
 *
 * Places come from gl_FragCoord, not from an interpolated value: a picture drawn
 * upside down, for another sink, then has exactly the same pixels.
 */
uniform highp sampler2D colours;
uniform highp usampler2D edges;
uniform vec2 corner; /* of the map, pixels with y downwards */
uniform float height; /* of the target, if its first row is the bottom one; else 0 */
uniform float scale; /* pixels a cell */
uniform float line; /* width of an outline, pixels */
uniform vec4 outline;
out vec4 pixel;

void main()
{
	float y = height > 0.0 ? height - gl_FragCoord.y : gl_FragCoord.y;
	vec2 place = (vec2(gl_FragCoord.x, y) - corner) / scale;
	vec2 cell = floor(place);
	vec2 inside = (place - cell) * scale; /* pixels from the cell's corner */
	vec2 mixed = clamp(inside, 0.0, 0.5) + clamp(inside - scale + 0.5, 0.0, 0.5);
	vec3 c = mixed == vec2(0.5) ? texelFetch(colours, ivec2(cell), 0).rgb :
		 texture(colours, (cell + mixed) / vec2(textureSize(colours, 0))).rgb;
	uint edge = texelFetch(edges, ivec2(cell), 0).r;
	bool at_left = inside.x < line;
	bool at_top = inside.y < line;

	/* Large cells get a seam, so that single pages can be counted. */
	if (scale >= 6.0 && (at_left || at_top))
		c *= 0.8;
	if (((edge & 1u) != 0u && at_left) || ((edge & 2u) != 0u && at_top))
		c = mix(c, outline.rgb, scale < 2.0 ? 0.5 * outline.a : outline.a);
	pixel = vec4(c, 1.0);
}
