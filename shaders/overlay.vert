/* SPDX-License-Identifier: GPL-2.0 */
/* Flat quads of the canvas, in pixels with y downwards. */
uniform vec4 to_clip; /* scale and offset from pixels to clip space */
uniform float texel; /* 1 / size of the atlas */
layout(location = 0) in vec2 position;
layout(location = 1) in vec2 atlas_place;
layout(location = 2) in vec4 colour;
out vec2 uv;
out vec4 tint;

void main()
{
	uv = atlas_place * texel;
	tint = colour;
	gl_Position = vec4(position * to_clip.xy + to_clip.zw, 0.0, 1.0);
}
