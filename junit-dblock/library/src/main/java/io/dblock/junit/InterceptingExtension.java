// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import io.dblock.internal.device.InterruptGuard;
import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import org.junit.jupiter.api.extension.DynamicTestInvocationContext;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.InvocationInterceptor;
import org.junit.jupiter.api.extension.ReflectiveInvocationContext;
import org.junit.jupiter.api.extension.TestInstanceFactoryContext;
import org.junit.jupiter.api.extension.TestInstancePreConstructCallback;

/** The common part of both extensions: all test code that JUnit calls goes through {@link #proceed}. */
abstract class InterceptingExtension implements TestInstancePreConstructCallback, InvocationInterceptor {

    /**
     * Runs the code. An interrupt ends it even while it waits for a disk that does not answer. With {@code @Timeout}
     * this is the thread of the timeout in either mode, because the interceptor of the timeout comes before that of an
     * extension.
     */
    <T> T proceed(Invocation<T> invocation, ExtensionContext context) throws Throwable {
        InterruptGuard guard = InterruptGuard.open(Devices.of(context));
        try {
            return invocation.proceed();
        } finally {
            guard.close();
        }
    }

    /** For JUnit. */
    @Override
    public final ExtensionContextScope getTestInstantiationExtensionContextScope(ExtensionContext rootContext) {
        return ExtensionContextScope.TEST_METHOD;
    }

    /** For JUnit. */
    @Override
    public final void preConstructTestInstance(TestInstanceFactoryContext factoryContext, ExtensionContext context) {
        // Before beforeEach(), which a failing constructor keeps from being called.
        CleanupTracker.install(context);
    }

    /** For JUnit. */
    @Override
    public final <T> T interceptTestClassConstructor(
            Invocation<T> invocation,
            ReflectiveInvocationContext<Constructor<T>> invocationContext,
            ExtensionContext context)
            throws Throwable {
        return proceed(invocation, context);
    }

    /** For JUnit. */
    @Override
    public void interceptBeforeAllMethod(
            Invocation<Void> invocation,
            ReflectiveInvocationContext<Method> invocationContext,
            ExtensionContext context)
            throws Throwable {
        proceed(invocation, context);
    }

    /** For JUnit. */
    @Override
    public final void interceptBeforeEachMethod(
            Invocation<Void> invocation,
            ReflectiveInvocationContext<Method> invocationContext,
            ExtensionContext context)
            throws Throwable {
        proceed(invocation, context);
    }

    /** For JUnit. */
    @Override
    public final void interceptTestMethod(
            Invocation<Void> invocation,
            ReflectiveInvocationContext<Method> invocationContext,
            ExtensionContext context)
            throws Throwable {
        proceed(invocation, context);
    }

    /** For JUnit. */
    @Override
    public final <T> T interceptTestFactoryMethod(
            Invocation<T> invocation, ReflectiveInvocationContext<Method> invocationContext, ExtensionContext context)
            throws Throwable {
        return proceed(invocation, context);
    }

    /** For JUnit. */
    @Override
    public final void interceptTestTemplateMethod(
            Invocation<Void> invocation,
            ReflectiveInvocationContext<Method> invocationContext,
            ExtensionContext context)
            throws Throwable {
        proceed(invocation, context);
    }

    /** For JUnit. */
    @Override
    public final void interceptDynamicTest(
            Invocation<Void> invocation, DynamicTestInvocationContext invocationContext, ExtensionContext context)
            throws Throwable {
        proceed(invocation, context);
    }

    /** For JUnit. */
    @Override
    public final void interceptAfterEachMethod(
            Invocation<Void> invocation,
            ReflectiveInvocationContext<Method> invocationContext,
            ExtensionContext context)
            throws Throwable {
        proceed(invocation, context);
    }

    /** For JUnit. */
    @Override
    public final void interceptAfterAllMethod(
            Invocation<Void> invocation,
            ReflectiveInvocationContext<Method> invocationContext,
            ExtensionContext context)
            throws Throwable {
        proceed(invocation, context);
    }
}
