{{/* The names of the secrets that this release reads; with dev.enabled those that it brings. */}}
{{- define "tessera.secretName" -}}
{{- $secret := index .root.Values.secrets .name -}}
{{- if $secret.existingSecret -}}{{ $secret.existingSecret }}{{- else if .root.Values.dev.enabled -}}{{ include "tessera.fullname" .root }}-dev{{- end -}}
{{- end -}}

{{/* One variable from a secret. (dict "root" $ "secret" "mongodb" "key" "url" "variable" "TESSERA_MONGO_URL" "devKey" "mongodb-url") */}}
{{- define "tessera.fromSecret" -}}
- name: {{ .variable }}
  valueFrom:
    secretKeyRef:
      name: {{ include "tessera.secretName" (dict "root" .root "name" .secret) }}
      key: {{ if (index .root.Values.secrets .secret).existingSecret }}{{ .key }}{{ else }}{{ .devKey }}{{ end }}
{{- end -}}

{{/* The environment of every process of ours. What is the same for all comes from the ConfigMap. */}}
{{- define "tessera.env" -}}
- name: NODE_OPTIONS
  value: {{ .settings.nodeOptions | quote }}
- name: MALLOC_ARENA_MAX
  value: "2"
- name: OTEL_SERVICE_NAME
  value: tessera-{{ .component }}
{{- with .root.Values.telemetry.headersSecret }}
{{- if .existingSecret }}
- name: OTEL_EXPORTER_OTLP_HEADERS
  valueFrom:
    secretKeyRef: { name: {{ .existingSecret }}, key: {{ .key }} }
{{- end }}
{{- end }}
{{- end -}}

{{/* The stores that a service uses: what it does not use it has neither a way to nor a secret of. */}}
{{- define "tessera.storesOf" -}}
{{- if eq . "storage" }}mongodb kafka s3{{ else if eq . "billing" }}mongodb kafka{{ else if has . (list "generation" "training") }}mongodb{{ else }}mongodb kafka redis{{ end -}}
{{- end -}}

{{/* And of those that stand in the stores. */}}
{{- define "tessera.storeEnv" -}}
{{- $stores := splitList " " (include "tessera.storesOf" .component) -}}
{{- if has "mongodb" $stores }}
{{ include "tessera.fromSecret" (dict "root" .root "secret" "mongodb" "key" .root.Values.secrets.mongodb.key "devKey" "mongodb-url" "variable" "TESSERA_MONGO_URL") }}
{{- end }}
{{- if has "redis" $stores }}
{{ include "tessera.fromSecret" (dict "root" .root "secret" "redis" "key" .root.Values.secrets.redis.key "devKey" "redis-url" "variable" "TESSERA_REDIS_URL") }}
{{- end }}
{{- if and (has "s3" $stores) (not .root.Values.s3.role.enabled) }}
{{ include "tessera.fromSecret" (dict "root" .root "secret" "s3" "key" .root.Values.secrets.s3.accessKeyIdKey "devKey" "s3-access-key-id" "variable" "TESSERA_S3_ACCESS_KEY_ID") }}
{{ include "tessera.fromSecret" (dict "root" .root "secret" "s3" "key" .root.Values.secrets.s3.secretAccessKeyKey "devKey" "s3-secret-access-key" "variable" "TESSERA_S3_SECRET_ACCESS_KEY") }}
{{- end }}
{{- with .root.Values.kafka.sasl }}
{{- if and .mechanism (has "kafka" $stores) }}
- name: TESSERA_KAFKA_USERNAME
  {{- if .username }}
  value: {{ .username | quote }}
  {{- else }}
  valueFrom:
    secretKeyRef: { name: {{ .existingSecret }}, key: {{ .usernameKey }} }
  {{- end }}
- name: TESSERA_KAFKA_PASSWORD
  valueFrom:
    secretKeyRef: { name: {{ .existingSecret }}, key: {{ .passwordKey }} }
{{- end }}
{{- end }}
{{- end -}}

{{/* The certificates for Kafka, under names of ours whatever their keys are called. */}}
{{- define "tessera.kafkaMounts" -}}
{{- with .Values.kafka.tls }}
{{- if .caSecret.existingSecret }}
- { name: kafka-ca, mountPath: /etc/tessera/kafka/ca, readOnly: true }
{{- end }}
{{- if .clientSecret.existingSecret }}
- { name: kafka-client, mountPath: /etc/tessera/kafka/client, readOnly: true }
{{- end }}
{{- end }}
{{- end -}}
{{- define "tessera.kafkaVolumes" -}}
{{- with .Values.kafka.tls }}
{{- if .caSecret.existingSecret }}
- name: kafka-ca
  secret: { secretName: {{ .caSecret.existingSecret }}, items: [{ key: {{ .caSecret.key }}, path: ca.crt }] }
{{- end }}
{{- if .clientSecret.existingSecret }}
- name: kafka-client
  secret: { secretName: {{ .clientSecret.existingSecret }}, items: [{ key: {{ .clientSecret.certKey }}, path: tls.crt }, { key: {{ .clientSecret.keyKey }}, path: tls.key }] }
{{- end }}
{{- end }}
{{- end -}}
