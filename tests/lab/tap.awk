# SPDX-License-Identifier: GPL-2.0-only
# tap.awk: judge one program's TAP. Variables: name, rc (its exit status, empty if it never
# ended). Prints a FAIL line per failure and last "= PASSED FAILED SKIPPED". A program that
# prints no plan, another number of results than planned, or none, has failed: silence is
# never success.
function fail(why) {
	printf "FAIL %s: %s\n", name, why
	failed++
}
/^1\.\.[0-9]+/ {
	planned = 1
	plan = substr($1, 4) + 0
	if (plan == 0 && toupper($0) ~ /# *SKIP/)
		skipped++
	next
}
/^not ok/ {
	seen++
	fail($0)
	next
}
/^ok/ {
	seen++
	if (toupper($0) ~ /# *SKIP/) {
		skipped++
		printf "SKIP %s: %s\n", name, $0
	} else
		passed++
	next
}
/^Bail out!/ { fail($0) }
END {
	if (rc == "")
		fail("did not finish")
	else if (!planned)
		fail("printed no plan (exit status " rc ")")
	else if (plan != seen + 0)
		fail("planned " plan " results and gave " seen + 0)
	else if (plan == 0 && !skipped)
		fail("tests nothing")
	# 4 is how kselftest says that everything was skipped.
	if (rc != "" && rc != 0 && !failed && !(rc == 4 && skipped && !passed))
		fail("exit status " rc)
	printf "= %d %d %d\n", passed, failed, skipped
}
