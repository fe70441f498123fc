/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One colour, covered as the atlas says.
 *
 * Text stands on whole pixels, one texel to each: what little interpolation adds
 * is taken off, so that it is the same in a picture drawn upside down.
 */
uniform highp sampler2D atlas;
in vec2 uv;
in vec4 tint;
out vec4 pixel;

void main()
{
	vec2 texel = uv * float(textureSize(atlas, 0).x);
	vec2 middle = floor(texel) + 0.5;
	vec2 off = abs(texel - middle);
	float cover = max(off.x, off.y) < 0.02 ? texelFetch(atlas, ivec2(middle), 0).r :
						 texture(atlas, uv).r;

	pixel = vec4(tint.rgb, tint.a * cover);
}
