/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The coloured cells on the screen, a whole number of pixels to each. Nothing but
 * a texture: the one shader that every pixel of the map goes through, and software
 * rasterisers have a fast path for exactly this.
 */
uniform highp sampler2D colours;
in vec2 uv;
out vec4 pixel;

void main()
{
	pixel = texture(colours, uv);
}
