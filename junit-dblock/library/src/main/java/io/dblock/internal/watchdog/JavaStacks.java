// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.watchdog;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Reports what the threads of this JVM are doing. */
public final class JavaStacks {
    private static final int FRAMES = 40;
    private static final Set<String> JVM = Set.of(
            "Reference Handler",
            "Finalizer",
            "Signal Dispatcher",
            "Common-Cleaner",
            "Notification Thread",
            "Attach Listener",
            "process reaper");

    private JavaStacks() {}

    /**
     * Returns one text for each thread, except the JVM's own and the watchdog's: its name, state and stack. Waits for a
     * safepoint.
     */
    public static List<String> ofThisJvm() {
        List<String> texts = new ArrayList<>();
        for (Map.Entry<Thread, StackTraceElement[]> entry :
                Thread.getAllStackTraces().entrySet()) {
            String name = entry.getKey().getName();
            if (entry.getValue().length > 0 && !JVM.contains(name) && !name.startsWith("junit-dblock watchdog")) {
                texts.add(text(entry.getKey(), entry.getValue()));
            }
        }
        texts.sort(null);
        return texts;
    }

    private static String text(Thread thread, StackTraceElement[] stack) {
        StringBuilder text = new StringBuilder("\"" + thread.getName() + "\" " + thread.getState());
        for (int i = 0; i < Math.min(stack.length, FRAMES); i++) {
            text.append("\n    at ").append(stack[i]);
        }
        if (stack.length > FRAMES) {
            text.append("\n    and ").append(stack.length - FRAMES).append(" more");
        }
        return text.toString();
    }
}
