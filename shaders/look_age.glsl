/* SPDX-License-Identifier: GPL-2.0 */
/* Colour is the age alone, on a log scale from a tenth of a second to 1,000 s. */
#define LOOK_OWNER false

vec3 look(float rate, float age, uint owner)
{
	float t = clamp(log2(max(age, 0.1) * 10.0) / log2(10000.0), 0.0, 1.0);

	return texelFetch(palette, ivec2(int((1.0 - t) * 255.0 + 0.5), 0), 0).rgb;
}
