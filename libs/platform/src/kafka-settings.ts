import { z } from 'zod';

const mechanisms = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;
const mechanismsInWords = `${mechanisms.slice(0, -1).join(', ')} or ${mechanisms.at(-1)}`;

/** The variables; which of them go together is checked below. A password is never repeated. */
const variablesSchema = z.object({
  tls: z.union([z.boolean(), z.stringbool()], 'set TESSERA_KAFKA_TLS to true or false').optional(),
  /** PEM files. A CA takes the place of the public ones that Node knows. */
  caFile: z.string().min(1).optional(),
  certFile: z.string().min(1).optional(),
  keyFile: z.string().min(1).optional(),
  saslMechanism: z
    .string()
    .toLowerCase()
    .pipe(z.enum(mechanisms, `set TESSERA_KAFKA_SASL_MECHANISM to ${mechanismsInWords}`))
    .optional(),
  username: z.string().min(1).optional(),
  password: z.string().min(1).optional(),
});
type KafkaVariables = z.infer<typeof variablesSchema>;

/** How brokers are connected to; without `tls` in plain text, without `sasl` anonymously or as the subject of the certificate. */
export type KafkaSettings = {
  readonly tls?:
    | { readonly caFile?: string | undefined; readonly client?: { readonly certFile: string; readonly keyFile: string } | undefined }
    | undefined;
  readonly sasl?: { readonly mechanism: (typeof mechanisms)[number]; readonly username: string; readonly password: string } | undefined;
};

/** The first thing that does not fit, and what to do. */
function complaint({
  tls,
  caFile,
  certFile,
  keyFile,
  saslMechanism,
  username,
  password,
}: KafkaVariables): [keyof KafkaVariables, string] | undefined {
  const needsTls = Object.entries({
    TESSERA_KAFKA_CA_FILE: caFile,
    TESSERA_KAFKA_CERT_FILE: certFile,
    TESSERA_KAFKA_KEY_FILE: keyFile,
  }).find(([, file]) => file !== undefined);
  if (tls === false && needsTls) return ['tls', `${needsTls[0]} is for TLS, which TESSERA_KAFKA_TLS turns off; leave one of them out`];
  if (certFile !== undefined && keyFile === undefined)
    return ['keyFile', 'a client certificate needs its private key; set TESSERA_KAFKA_KEY_FILE as well as TESSERA_KAFKA_CERT_FILE'];
  if (keyFile !== undefined && certFile === undefined)
    return ['certFile', 'a private key needs its client certificate; set TESSERA_KAFKA_CERT_FILE as well as TESSERA_KAFKA_KEY_FILE'];
  if (saslMechanism === undefined && (username !== undefined || password !== undefined))
    return ['saslMechanism', `a user needs a way to prove who it is; set TESSERA_KAFKA_SASL_MECHANISM to ${mechanismsInWords}`];
  if (saslMechanism !== undefined && username === undefined) return ['username', 'SASL needs a user; set TESSERA_KAFKA_USERNAME'];
  if (saslMechanism !== undefined && password === undefined) return ['password', 'SASL needs a password; set TESSERA_KAFKA_PASSWORD'];
  return undefined;
}

export const kafkaSettings = variablesSchema
  .superRefine((settings, context) => {
    const found = complaint(settings);
    if (found) context.addIssue({ code: 'custom', path: [found[0]], message: found[1] });
  })
  .transform(({ tls, caFile, certFile, keyFile, saslMechanism, username, password }): KafkaSettings => ({
    tls:
      (tls ?? (caFile ?? certFile) !== undefined)
        ? { caFile, client: certFile !== undefined && keyFile !== undefined ? { certFile, keyFile } : undefined }
        : undefined,
    sasl:
      saslMechanism !== undefined && username !== undefined && password !== undefined
        ? { mechanism: saslMechanism, username, password }
        : undefined,
  }));

const variables: Record<string, keyof KafkaVariables> = {
  TESSERA_KAFKA_TLS: 'tls',
  TESSERA_KAFKA_CA_FILE: 'caFile',
  TESSERA_KAFKA_CERT_FILE: 'certFile',
  TESSERA_KAFKA_KEY_FILE: 'keyFile',
  TESSERA_KAFKA_SASL_MECHANISM: 'saslMechanism',
  TESSERA_KAFKA_USERNAME: 'username',
  TESSERA_KAFKA_PASSWORD: 'password',
};

export const kafkaFromEnvironment = (env: NodeJS.ProcessEnv): Record<string, unknown> =>
  Object.fromEntries(Object.entries(variables).flatMap(([name, key]) => (env[name] ? [[key, env[name]]] : [])));
