/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One line with round ends, or a disc, which is a line without length: covered
 * by the distance of the pixel's middle. Nothing is interpolated, so a picture
 * drawn upside down, for another sink, has exactly the same pixels.
 */
uniform float height; /* of the target, if its first row is the bottom one; else 0 */
flat in vec4 line;
flat in vec4 tint;
flat in float reach;
out vec4 pixel;

void main()
{
	float y = height > 0.0 ? height - gl_FragCoord.y : gl_FragCoord.y;
	vec2 from = vec2(gl_FragCoord.x, y) - line.xy;
	vec2 along = line.zw - line.xy;
	float t = clamp(dot(from, along) / max(dot(along, along), 1e-6), 0.0, 1.0);
	float cover = clamp(reach + 0.5 - distance(from, t * along), 0.0, 1.0);

	pixel = vec4(tint.rgb, tint.a * cover);
}
