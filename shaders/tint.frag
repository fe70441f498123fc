/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tint pass, one texel for each cell of the map: reads the counters, keeps
 * the rate, asks the look for a colour. The only shader that reads the counters.
 *
 * The columns hold totals, so a rate needs memory: the state carries, for each
 * cell, the sum of HITS at the last frame and the rate. That is one small
 * texture pair at the resolution of the map, against a copy of the columns for
 * every second that one wants to look back. The rate forgets exponentially with
 * a time constant of one second: for steady writing it is exact whatever the
 * frame rate is, and a single write is seen as 1/s that fades.
 *
 * A cell of several slots shows the sum of their hits and the newest stamp.
 *
 * Weak: a change of the map's order starts all rates anew.
 */
uniform COLUMN hits_column;
uniform COLUMN stamp_column;
uniform COLUMN owner_column;
uniform highp usampler2D before; /* state of the last frame */
uniform uint order;
uniform uint shift; /* a cell shows 2^shift slots */
uniform uint slots;
uniform uint epoch;
uniform float epoch_age; /* seconds since that epoch began */
uniform float epoch_seconds;
uniform float elapsed; /* seconds since the last frame; 0: leave the state */
uniform float keep; /* what the rate keeps of itself over that time */
uniform bool fresh; /* there is no last frame */

layout(location = 0) out uvec2 state; /* sum of HITS, bits of the rate */
layout(location = 1) out vec4 colour;

/* STAMP is the epoch of the last hit: seconds since that epoch ended. */
float age_of(uint stamp)
{
	return stamp >= epoch ? 0.0 : epoch_age + float(epoch - 1u - stamp) * epoch_seconds;
}

void main()
{
	uvec2 cell = uvec2(gl_FragCoord.xy);
	uint first = hilbert_index(cell.x, cell.y, order) << shift;
	uint last = min(first + (1u << shift), slots);
	uint newest = STAMP_NO_PAGE;
	uint newest_slot = first;
	uint hits = 0u;

	for (uint slot = first; slot < last; slot++) {
		uint stamp = column_fetch(stamp_column, slot);

		if (stamp >= FIRST_EPOCH)
			hits += column_fetch(hits_column, slot);
		if (stamp > newest) {
			newest = stamp;
			newest_slot = slot;
		}
	}

	uvec2 old = texelFetch(before, ivec2(cell), 0).rg;
	float rate = uintBitsToFloat(old.g);
	uint growth = hits - old.r;

	/* HITS wraps, so growth does not; but counters can be set to zero. */
	if (growth > 0x7fffffffu)
		growth = hits;

	if (fresh)
		state = uvec2(hits, floatBitsToUint(0.0));
	else if (elapsed > 0.0)
		state = uvec2(hits, floatBitsToUint(keep * rate + (1.0 - keep) *
						    float(growth) / elapsed));
	else
		state = old;

	if (newest == STAMP_NO_PAGE)
		colour = COLOUR_GROUND;
	else if (newest < FIRST_EPOCH)
		colour = COLOUR_UNWRITTEN;
	else
		colour = vec4(look(uintBitsToFloat(state.g), age_of(newest),
				   LOOK_OWNER ? column_fetch(owner_column, newest_slot) : 0u), 1.0);
}
