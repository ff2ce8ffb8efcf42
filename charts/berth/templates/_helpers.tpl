{{- define "berth.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "berth.labels" -}}
{{ include "berth.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "berth.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "berth.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{- define "berth.caSecret" -}}
{{- .Values.clusterCaSecret | default (printf "%s-ca" (include "berth.fullname" .)) -}}
{{- end -}}

{{- /* Kept across upgrades: agents that joined with it keep their own credential, but new nodes need it again. */ -}}
{{- define "berth.joinToken" -}}
{{- $existing := lookup "v1" "Secret" .Release.Namespace (printf "%s-join" (include "berth.fullname" .)) -}}
{{- if .Values.joinToken -}}
{{ .Values.joinToken }}
{{- else if $existing -}}
{{ index $existing.data "token" | b64dec }}
{{- else -}}
{{ randAlphaNum 40 }}
{{- end -}}
{{- end -}}
