#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# lib_link.sh: libglassram as others meet it: from C and C++, shared and static, by way of
# pkg-config; and that it exports what its headers declare and nothing else. Prints TAP.
set -u
BUILD=${BUILD:-build}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
# shellcheck source=tests/unit/tap.sh
. tests/unit/tap.sh

# What an installation looks like: as in `make install`, but for the module.
prefix=$dir/usr
mkdir -p "$prefix/include" "$prefix/lib/pkgconfig"
cp -r include/glassram "$prefix/include/"
cp shaders/hilbert.glsl "$prefix/include/glassram/"
cp -r include/uapi/linux "$prefix/include/"
cp -P "$BUILD"/libglassram.a "$BUILD"/libglassram.so* "$prefix/lib/"
sed "s|@PREFIX@|$prefix|; s|@LIBDIR@|$prefix/lib|; s|@VERSION@|9.8.7|" \
	user/libglassram/libglassram.pc.in >"$prefix/lib/pkgconfig/libglassram.pc"
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig

cat >"$dir/program.c" <<'PROGRAM'
#include <glassram/glassram.h>
#include <stdio.h>

int main(void)
{
	struct glassram_attach_settings settings = { sizeof(settings), 0, NULL, true, 0 };
	struct glassram_session *session;

	if (glassram_attach(-1, &settings, &session) == GLASSRAM_OK)
		return 1;
	puts(glassram_version());
	return glassram_error_message()[0] ? 0 : 2;
}
PROGRAM
cp "$dir/program.c" "$dir/program.cpp"

# runs PROGRAM: it works, and prints the library's version.
runs()
{
	[[ $(LD_LIBRARY_PATH=$prefix/lib "$1") =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]]
}

flags()
{
	pkg-config "$@" libglassram
}

shared()
{
	# shellcheck disable=SC2046
	"$1" -Wall -Wextra -Werror -pedantic "$2" $(flags --cflags --libs) -o "$dir/shared" &&
		runs "$dir/shared" && readelf -d "$dir/shared" | grep -q 'NEEDED.*libglassram.so\.[0-9]'
}

static()
{
	# shellcheck disable=SC2046
	gcc "$dir/program.c" $(flags --cflags) "$prefix/lib/libglassram.a" \
		$(flags --static --libs | sed 's/-lglassram//') -o "$dir/static" &&
		runs "$dir/static" && ! readelf -d "$dir/static" | grep -q libglassram
}

# header FILE COMPILER...: it compiles alone and twice.
header()
{
	local file=$1
	shift
	printf '#include <%s>\n#include <%s>\n' "$file" "$file" >"$dir/alone.c"
	"$@" -Wall -Wextra -Werror -pedantic -I"$prefix/include" -fsyntax-only "$dir/alone.c"
}

declared()
{
	printf '#include "%s"\n' include/glassram/*.h |
		gcc -E -P -I. -Iinclude -Iinclude/uapi - | grep -v '^static' |
		grep -oE '\bglassram_[a-z_]+\(' | tr -d '(' | sort -u
}

exported()
{
	nm -D --defined-only "$BUILD/libglassram.so" | awk '$2 == "T" { print $3 }' | sed 's/@.*//' | sort -u
}

exports()
{
	diff <(declared) <(exported)
}

versioned()
{
	[ "$(nm -D --defined-only "$BUILD/libglassram.so" | grep -c ' T ')" -eq \
		"$(nm -D --defined-only "$BUILD/libglassram.so" | grep -c ' T .*@@GLASSRAM_0')" ]
}

check "pkg-config knows the version" test "$(flags --modversion)" = 9.8.7
check "a C program with the shared library" shared gcc "$dir/program.c"
check "a C++ program with the shared library" shared g++ "$dir/program.cpp"
check "a C program with the static library" static
for file in $(cd include/glassram && ls -- *.h); do
	check "$file alone, C" header "glassram/$file" gcc -std=gnu17
	check "$file alone, C++" header "glassram/$file" g++ -x c++ -std=c++17
done
check "the ioctl header alone, C90" header linux/glassram.h gcc -std=gnu90
check "the ioctl header alone, C++98" header linux/glassram.h g++ -x c++ -std=gnu++98 -Wno-long-long
check "it exports what the headers declare, and nothing else" exports
check "every export has its version" versioned
tap_end
