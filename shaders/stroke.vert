/* SPDX-License-Identifier: GPL-2.0 */
/* Lines and discs of the canvas: a quad that encloses one, and the line itself. */
uniform vec4 to_clip; /* scale and offset from pixels to clip space */
layout(location = 0) in vec2 position;
layout(location = 1) in vec4 ends; /* of the line, pixels with y downwards */
layout(location = 2) in vec4 colour;
layout(location = 3) in float radius;
flat out vec4 line;
flat out vec4 tint;
flat out float reach;

void main()
{
	line = ends;
	tint = colour;
	reach = radius;
	gl_Position = vec4(position * to_clip.xy + to_clip.zw, 0.0, 1.0);
}
