// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.files;

import io.dblock.handler.Place;

/**
 * Where the files can be that a glob names, so that no other directory needs to be read.
 *
 * @param directory below which they are, as a path from the root; empty for the root
 * @param depth how many names their paths have at most, from the root
 */
record Reach(String directory, int depth) {
    /** All of a filesystem. */
    static final Reach ALL = new Reach("", Integer.MAX_VALUE);

    static Reach of(String glob) {
        String[] names = glob.split("/", -1);
        StringBuilder directory = new StringBuilder();
        for (int i = 0; i < names.length - 1 && !Place.isGlob(names[i]) && !names[i].equals(".."); i++) {
            directory.append(i == 0 ? "" : "/").append(names[i]);
        }
        // Two stars match names of several directories, and braces can have a slash in them.
        boolean anyDepth = glob.contains("**") || glob.contains("{");
        return new Reach(directory.toString(), anyDepth ? Integer.MAX_VALUE : names.length);
    }
}
