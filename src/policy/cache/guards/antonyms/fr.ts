// Pairs of opposites in French; ../antonyms.ts tells how a line is written.
export const FR = `dur dure|mou molle
assis assise|debout allongé
arrêté arrêter arrête arrêt|commencé commencer commence début repris reprendre
accepter acceptation accepte|refuser refus refuse décliner rejeter
refuser refuse|imposer impose
dilater|contracter
riche riches|pauvre pauvres
adulte adultes|enfant enfants bébé chaton
embaucher|licencier
célibataire|marié mariée
végétarien végétarienne|viande
récursion récursif|itération itératif
local locale locaux|distant distante
entrer entre_dans|sortir quitter
singulier|pluriel
actif active|passif passive
offre|demande
bénéfice bénéfices profit|perte pertes
revenus recettes|dépenses charges
brut bruts|net nets
prêter prête prêté|emprunter emprunte emprunté
locataire locataires|propriétaire bailleur
acheteur|vendeur
visible afficher|masquer caché invisible
s'abonner|se_désabonner
grossir prendre_du_poids|maigrir perdre_du_poids
sucré sucrée|salé salée amer
épais épaisse|mince fin fine
large|étroit étroite
bruyant|silencieux
clair claire|sombre foncé
frais fraîche|surgelé congelé sec
cru crue|cuit cuite
temporaire|permanent définitif
volontaire|obligatoire
formel|informel
arriver arrivée|partir départ
aller|retour
fort forte|faible
sain saine|malade malsain
pair|impair
intérieur|extérieur
légal|illégal
homme hommes|femme femmes
aigu|chronique
diarrhée|constipation
monter monte|descendre descend
gagner|perdre
allumer|éteindre
remplir plein|vider vide
petit petite|grand grande
court courte|long longue
haut haute|bas basse
bon meilleur|mauvais pire
rapide|lent lente
cher chère|bon_marché
ville agglomération|campagne hors_agglomération
augmenter augmentons hausse|baisser baissons baisse diminuer
naissance|mort décès
imposé|facultatif
hypoglycémie|hyperglycémie`;
