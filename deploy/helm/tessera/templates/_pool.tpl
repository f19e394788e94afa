{{/* The settings of a pool, as YAML. (dict "root" $ "pool" "default") */}}
{{- define "tessera.pool" -}}
{{- mergeOverwrite (deepCopy .root.Values.workers.defaults) (deepCopy (default (dict) (index .root.Values.workers.pools .pool))) | toYaml -}}
{{- end -}}

{{/* The mounts of the models, the same for the worker and for Triton. */}}
{{- define "tessera.modelMounts" -}}
{{- if eq .settings.models.source "manifests" }}
# One by one: a whole ConfigMap is mounted as links, and models are looked for in folders.
{{- range .root.Values.models.manifests.families }}
- { name: models, mountPath: /models/{{ . }}/manifest.json, subPath: {{ . }}, readOnly: true }
{{- end }}
{{- else if ne .settings.models.source "bundled" }}
- { name: models, mountPath: /models, readOnly: {{ or (eq .settings.models.source "init") .settings.models.readOnly }} }
{{- end }}
{{- end -}}

{{- define "tessera.modelsFolder" -}}
{{ if eq .settings.models.source "bundled" }}/app/models{{ else }}/models{{ end }}
{{- end -}}

{{- define "tessera.modelVolume" -}}
{{- with .settings.models }}
{{- if eq .source "claim" }}
- name: models
  persistentVolumeClaim: { claimName: {{ .existingClaim }}, readOnly: {{ .readOnly }} }
{{- else if eq .source "manifests" }}
- name: models
  configMap: { name: {{ $.root.Values.models.manifests.existingConfigMap }} }
{{- else if eq .source "init" }}
- name: models
  ephemeral:
    volumeClaimTemplate:
      spec:
        accessModes: [ReadWriteOnce]
        resources: { requests: { storage: {{ .size }} } }
{{- end }}
{{- end }}
{{- end -}}

{{- define "tessera.env.worker" -}}
- name: TESSERA_ENGINE
  value: {{ .settings.engine }}
- name: TESSERA_MODELS
  value: {{ include "tessera.modelsFolder" . }}
- name: TESSERA_POOL
  value: {{ .pool }}
{{- with include "tessera.modelPools" .root }}
- name: TESSERA_MODEL_POOLS
  value: {{ . }}
{{- end }}
- name: TESSERA_DRAIN_SECONDS
  value: {{ .settings.longestJobSeconds | quote }}
{{- if gt (int .settings.threads) 0 }}
- name: TESSERA_ENGINE_THREADS
  value: {{ .settings.threads | quote }}
{{- end }}
{{- if eq .settings.engine "triton" }}
- name: TESSERA_TRITON_URL
  value: http://127.0.0.1:8001
{{- end }}
{{- end -}}
