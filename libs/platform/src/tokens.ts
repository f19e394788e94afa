/** Injection token of the process's Logger. */
export const LOGGER = Symbol('Logger');

/** Names of the services that this process hosts. */
export const HOSTED_SERVICES = Symbol('HostedServices');
