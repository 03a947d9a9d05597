// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import io.dblock.internal.device.InterruptGuard;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.InvocationInterceptor.Invocation;

/** Code of a test, which an interrupt ends also if it waits for a disk that does not answer. */
final class GuardedInvocation {
    private GuardedInvocation() {}

    /** Runs it. With {@code @Timeout} this is its thread, whichever mode: that interceptor comes before an extension's. */
    static <T> T proceed(Invocation<T> invocation, ExtensionContext context) throws Throwable {
        InterruptGuard guard = InterruptGuard.open(Devices.of(context));
        try {
            return invocation.proceed();
        } finally {
            guard.close();
        }
    }
}
