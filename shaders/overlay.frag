/* SPDX-License-Identifier: GPL-2.0 */
/* One colour, covered as the atlas says. */
uniform highp sampler2D atlas;
in vec2 uv;
in vec4 tint;
out vec4 pixel;

void main()
{
	pixel = vec4(tint.rgb, tint.a * texture(atlas, uv).r);
}
