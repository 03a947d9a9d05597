// SPDX-License-Identifier: Apache-2.0
package io.dblock.handler;

import java.nio.file.FileSystems;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.List;
import java.util.Objects;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * What a range of a device belongs to in its filesystem: a file, a directory, or a part of the filesystem itself.
 *
 * @param offset where the range is on the device, in bytes
 * @param length bytes, at least 1
 * @param kind what it belongs to
 * @param name the path from the filesystem's root, such as {@code wal/000003.log} and {@code .} for the root itself; of
 *     the filesystem's own parts what they are, such as {@code ext4's journal}
 * @param inside where the range is in the file, in bytes; for the filesystem's own parts, where it is in the part
 */
public record Place(long offset, long length, Kind kind, String name, long inside) {
    private static final int SHOWN = 3;

    /** What a range can belong to. */
    public enum Kind {
        /** A regular file. */
        FILE,
        /** A directory: its list of names. */
        DIRECTORY,
        /** A part of the filesystem itself, such as its journal. */
        FILESYSTEM
    }

    /** Checks that nothing is null. */
    public Place {
        Objects.requireNonNull(kind, "kind");
        Objects.requireNonNull(name, "name");
    }

    /** Returns the offset on the device after the last byte of the range. */
    public long end() {
        return offset + length;
    }

    /**
     * Returns a predicate for the places of a file or directory, by its path from the filesystem's root or by a glob, such
     * as {@code wal/*.log}, see {@link java.nio.file.FileSystem#getPathMatcher}. A {@code *} stays within a directory,
     * {@code **} does not.
     *
     * @throws IllegalArgumentException if the path is empty or absolute, or the glob is malformed
     */
    public static Predicate<Place> of(String path) {
        if (path.isBlank() || path.startsWith("/")) {
            throw new IllegalArgumentException("The file is \"" + path
                    + "\". Allowed: a path from the filesystem's root without a slash before it, such as"
                    + " wal/000003.log, or a glob.");
        }
        if (!isGlob(path)) {
            return place -> place.kind() != Kind.FILESYSTEM && place.name().equals(path);
        }
        PathMatcher glob = FileSystems.getDefault().getPathMatcher("glob:" + path);
        return place -> place.kind() != Kind.FILESYSTEM && glob.matches(Path.of(place.name()));
    }

    /** Returns whether {@link #of(String)} takes this for a glob, which can name several files. */
    public static boolean isGlob(String path) {
        return path.chars().anyMatch(c -> "*?[]{}\\".indexOf(c) >= 0);
    }

    /**
     * Returns places as text, such as {@code ledger +0..4095, directory wal and 2 more}. Of a file it has the first and
     * the last byte.
     */
    public static String list(List<Place> places) {
        List<String> texts = places.stream().map(Place::toString).distinct().toList();
        String shown = texts.stream().limit(SHOWN).collect(Collectors.joining(", "));
        return texts.size() > SHOWN ? shown + " and " + (texts.size() - SHOWN) + " more" : shown;
    }

    /** Returns a text such as {@code ledger +0..4095}, {@code directory wal} or {@code ext4's journal}. */
    @Override
    public String toString() {
        return switch (kind) {
            case FILE -> name + " +" + inside + ".." + (inside + length - 1);
            case DIRECTORY -> "directory " + name;
            case FILESYSTEM -> name;
        };
    }
}
