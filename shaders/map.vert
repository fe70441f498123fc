/* SPDX-License-Identifier: GPL-2.0 */
/* The square of the map, in pixels with y downwards. */
uniform vec4 rect; /* x, y, width, height */
uniform vec4 to_clip; /* scale and offset from pixels to clip space */
out vec2 uv;

void main()
{
	uv = vec2(float(gl_VertexID & 1), float(gl_VertexID >> 1));
	gl_Position = vec4((rect.xy + uv * rect.zw) * to_clip.xy + to_clip.zw, 0.0, 1.0);
}
