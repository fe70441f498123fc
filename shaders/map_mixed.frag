/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The coloured cells on the screen, at any scale. Edges stay sharp: only the
 * pixel across which one runs is mixed.
 *
 * Places come from gl_FragCoord, not from an interpolated value: a picture drawn
 * upside down, for another sink, then has exactly the same pixels.
 */
uniform highp sampler2D colours;
uniform vec2 corner; /* of the map, pixels with y downwards */
uniform float height; /* of the target, if its first row is the bottom one; else 0 */
uniform float scale; /* pixels a cell */
in vec2 uv;
out vec4 pixel;

void main()
{
	float y = height > 0.0 ? height - gl_FragCoord.y : gl_FragCoord.y;
	vec2 place = (vec2(gl_FragCoord.x, y) - corner) / scale;
	vec2 cell = floor(place);
	vec2 inside = (place - cell) * scale; /* pixels from the cell's corner */
	vec2 mixed = clamp(inside, 0.0, 0.5) + clamp(inside - scale + 0.5, 0.0, 0.5);

	pixel = texture(colours, (cell + mixed) / vec2(textureSize(colours, 0)));
}
